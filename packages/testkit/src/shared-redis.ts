import { randomUUID } from 'node:crypto'
import { asText, ask, type Access } from './command.js'
import type { RedisServer } from './redis-server.js'

/**
 * An unused database of somebody else's server, empty, until `stop()` empties it and gives it back.
 * Which ones are in use is noted in the server's last database, with a lease, so that processes
 * that run at once get different ones and a killed one holds its own for half a minute at most.
 * Database 0 and databases with keys that are not ours are left alone.
 *
 * @throws {Error} when all are in use.
 */
export async function borrowDatabase(url: string): Promise<RedisServer> {
  const server = accessOf(url)
  const count = await databases(server)
  const ledger = new Ledger({ ...server, database: count - 1 })
  for (let database = 1; database < count - 1; database++) {
    if (await ledger.claim(database)) return borrowed(url, { ...server, database }, ledger)
  }
  throw new Error(
    `All ${count} databases of the Redis that REDIS_URL names are in use, or hold keys that no test has put there.`,
  )
}

type Place = Access & {
  readonly database: number
  readonly username: string | undefined
  readonly password: string | undefined
}

function accessOf(url: string): Omit<Place, 'database'> {
  const { protocol, hostname, port, username, password } = new URL(url)
  if (protocol !== 'redis:')
    throw new Error(`REDIS_URL must begin with redis://, but begins with ${protocol}//.`)
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    username: username === '' ? undefined : decodeURIComponent(username),
    password: password === '' ? undefined : decodeURIComponent(password),
  }
}

/** Not every provider lets clients ask; 16 is what Redis comes with. */
async function databases(server: Access): Promise<number> {
  const reply = await ask(server, ['CONFIG', 'GET', 'databases']).catch(() => [])
  return Number((reply as string[])[1] ?? 16)
}

async function borrowed(url: string, place: Place, ledger: Ledger): Promise<RedisServer> {
  const info = asText(await ask(place, ['INFO', 'server']))
  const refuse = (what: string) => async () => {
    throw new Error(
      `The Redis that REDIS_URL names is shared, so a test can't ${what} it. Use startRedis() without shared, where redis-server is installed.`,
    )
  }
  const flush = async () => void (await ask(place, ['FLUSHDB']))
  const stop = () => ledger.release(place.database, flush)
  return {
    ...place,
    url: Object.assign(new URL(url), { pathname: `/${place.database}` }).href,
    pid: Number(/process_id:(\d+)/.exec(info)?.[1] ?? 0),
    directory: '',
    version: /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown',
    running: true,
    kill: refuse('kill'),
    pause: refuse('pause'),
    resume: refuse('resume'),
    restart: refuse('restart'),
    fill: refuse('fill'),
    empty: refuse('empty'),
    setClock: refuse('set the clock of'),
    flush,
    stop,
    cli: async (...command) => asText(await ask(place, command)),
    [Symbol.asyncDispose]: stop,
  }
}

const LEASE = 30_000

/**
 * Who uses which database: `claim:<n>` for now, `ours:<n>` for ever, so that what a killed run left
 * there may be deleted.
 */
class Ledger {
  readonly #notes: Access
  readonly #token = randomUUID()
  #renewal: NodeJS.Timeout | undefined

  constructor(notes: Access) {
    this.#notes = notes
  }

  async claim(database: number): Promise<boolean> {
    const claimed = await ask(this.#notes, [
      'SET',
      `testkit:claim:${database}`,
      this.#token,
      'NX',
      'PX',
      LEASE,
    ])
    if (claimed === null) return false
    const place = { ...this.#notes, database }
    const ours = await ask(this.#notes, ['EXISTS', `testkit:ours:${database}`])
    if (ours === 0 && (await ask(place, ['DBSIZE'])) !== 0) {
      await ask(this.#notes, ['DEL', `testkit:claim:${database}`])
      return false
    }
    await ask(this.#notes, ['SET', `testkit:ours:${database}`, 1])
    await ask(place, ['FLUSHDB'])
    const renew = () =>
      ask(this.#notes, ['PEXPIRE', `testkit:claim:${database}`, LEASE]).catch(() => undefined)
    this.#renewal = setInterval(() => void renew(), LEASE / 3).unref()
    return true
  }

  async release(database: number, flush: () => Promise<void>): Promise<void> {
    if (this.#renewal === undefined) return
    clearInterval(this.#renewal)
    this.#renewal = undefined
    await flush()
    await ask(this.#notes, ['DEL', `testkit:claim:${database}`])
  }
}
