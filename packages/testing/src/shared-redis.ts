import { randomUUID } from 'node:crypto'
import { formatReply, sendCommand, type ConnectionTarget } from './command.js'
import type { RedisServer } from './redis-server.js'

/**
 * Borrows an unused, empty database of the server at `url`; `stop()` empties it and gives it back.
 *
 * The server's last database records which databases are in use, with a ttl: concurrent processes
 * get different databases, and a killed process blocks its database for 30 seconds at most.
 * Database 0 and databases that hold other programs' keys are never used.
 *
 * @throws {Error} when all databases are in use.
 */
export async function borrowDatabase(url: string): Promise<RedisServer> {
  const server = parseUrl(url)
  const count = await countDatabases(server)
  const registry = new DatabaseRegistry({ ...server, database: count - 1 })
  for (let database = 1; database < count - 1; database++) {
    if (await registry.claim(database))
      return borrowedServer(url, { ...server, database }, registry)
  }
  throw new Error(
    `All ${count} databases of the Redis in REDIS_URL are in use or hold keys of other programs.`,
  )
}

type DatabaseTarget = ConnectionTarget & {
  readonly database: number
  readonly username: string | undefined
  readonly password: string | undefined
}

function parseUrl(url: string): Omit<DatabaseTarget, 'database'> {
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

/** Falls back to 16, the default of Redis, because not every provider allows CONFIG. */
async function countDatabases(server: ConnectionTarget): Promise<number> {
  const reply = await sendCommand(server, ['CONFIG', 'GET', 'databases']).catch(() => [])
  return Number((reply as string[])[1] ?? 16)
}

async function borrowedServer(
  url: string,
  target: DatabaseTarget,
  registry: DatabaseRegistry,
): Promise<RedisServer> {
  const info = formatReply(await sendCommand(target, ['INFO', 'server']))
  const refuse = (action: string) => async () => {
    throw new Error(
      `The Redis in REDIS_URL is shared, so a test can't ${action} it. ` +
        'Use startRedis() without shared, where redis-server is installed.',
    )
  }
  const flush = async () => void (await sendCommand(target, ['FLUSHDB']))
  const stop = () => registry.release(target.database, flush)
  return {
    ...target,
    url: Object.assign(new URL(url), { pathname: `/${target.database}` }).href,
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
    cli: async (...command) => formatReply(await sendCommand(target, command)),
    [Symbol.asyncDispose]: stop,
  }
}

const CLAIM_TTL = 30_000

/**
 * Records which databases are in use. `claim:<n>` exists while a process uses database n.
 * `ours:<n>` exists forever once a test has used it, so that the keys of a killed run may be
 * deleted.
 */
class DatabaseRegistry {
  readonly #registry: ConnectionTarget
  readonly #token = randomUUID()
  #renewal: NodeJS.Timeout | undefined

  constructor(registry: ConnectionTarget) {
    this.#registry = registry
  }

  async claim(database: number): Promise<boolean> {
    const claimed = await sendCommand(this.#registry, [
      'SET',
      `cache-testing:claim:${database}`,
      this.#token,
      'NX',
      'PX',
      CLAIM_TTL,
    ])
    if (claimed === null) return false
    const target = { ...this.#registry, database }
    const ours = await sendCommand(this.#registry, ['EXISTS', `cache-testing:ours:${database}`])
    if (ours === 0 && (await sendCommand(target, ['DBSIZE'])) !== 0) {
      await sendCommand(this.#registry, ['DEL', `cache-testing:claim:${database}`])
      return false
    }
    await sendCommand(this.#registry, ['SET', `cache-testing:ours:${database}`, 1])
    await sendCommand(target, ['FLUSHDB'])
    const renew = () =>
      sendCommand(this.#registry, ['PEXPIRE', `cache-testing:claim:${database}`, CLAIM_TTL]).catch(
        () => undefined,
      )
    this.#renewal = setInterval(() => void renew(), CLAIM_TTL / 3).unref()
    return true
  }

  async release(database: number, flush: () => Promise<void>): Promise<void> {
    if (this.#renewal === undefined) return
    clearInterval(this.#renewal)
    this.#renewal = undefined
    await flush()
    await sendCommand(this.#registry, ['DEL', `cache-testing:claim:${database}`])
  }
}
