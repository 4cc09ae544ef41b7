import { randomBytes } from 'node:crypto'
import { ask, type Address } from './command.js'
import { eventually } from './eventually.js'
import type { Machine } from './machine/machine.js'
import { ownMachine } from './machine/own-machine.js'
import type { RedisServer } from './redis.js'
import { launchServer, launchTogether, stopAll, untilPortsAreFree } from './server.js'

export interface SentinelOptions {
  /** Replicas of the primary; 1 where it is missing. */
  readonly replicas?: number
  /** 3 where it is missing; 1 is enough where the Sentinels themselves are not under test. */
  readonly sentinels?: number
  /** Milliseconds of silence after which a Sentinel takes a server for dead; 500 where it is missing. */
  readonly downAfter?: number
  /** Further lines of the servers' redis.conf. */
  readonly config?: Readonly<Record<string, string>>
}

export interface RedisSentinel extends AsyncDisposable {
  /** What Sentinels call the primary. */
  readonly name: string
  readonly sentinels: readonly RedisServer[]
  readonly addresses: readonly Address[]
  /** As of the start, or of the last `ready()` or `failover()`. */
  readonly primary: RedisServer
  readonly replicas: readonly RedisServer[]
  /** Waits until all running Sentinels name the same running primary and the running replicas are in sync with it. */
  ready(): Promise<void>
  /** Has the Sentinels promote a replica, dead or alive as the primary may be. Returns the new primary once all agree. */
  failover(): Promise<RedisServer>
  /** Deletes all keys. */
  flush(): Promise<void>
  stop(): Promise<void>
}

/**
 * A primary with replicas, watched by Sentinels, which know each other from the start. All of it dies with this process.
 *
 * @throws {Error} as `startRedis`, or when the Sentinels did not agree within 30 s.
 * @example
 * await using redis = await startSentinel({ sentinels: 1 })
 * const client = new Redis({ name: redis.name, sentinels: [...redis.addresses] })
 */
export async function startSentinel(options: SentinelOptions = {}): Promise<RedisSentinel> {
  const { replicas = 1, sentinels = 3, downAfter = 500, config = {} } = options
  const machine = await ownMachine()
  const servers = await launchServers(machine, replicas, { ...CONFIG, ...config })
  try {
    const watched = new Watched(servers, await untilPortsAreFree(() => launchSentinels(machine, servers, sentinels, downAfter)))
    await watched.ready()
    return watched
  } catch (error) {
    await stopAll(servers)
    throw error
  }
}

const NAME = 'primary'

const CONFIG = { 'repl-diskless-sync-delay': '0' }

type Servers = readonly [primary: RedisServer, ...replicas: RedisServer[]]

async function launchServers(machine: Machine, replicas: number, config: Readonly<Record<string, string>>): Promise<Servers> {
  const primary = await launchServer(machine, { config })
  const replicated = { ...config, replicaof: `${primary.host} ${primary.port}` }
  try {
    return [primary, ...(await launchTogether(Array.from({ length: replicas }, () => launchServer(machine, { config: replicated }))))]
  } catch (error) {
    await primary.stop()
    throw error
  }
}

/** Each is told of all others beforehand: they would find each other through the primary, but only after seconds. */
async function launchSentinels(machine: Machine, servers: Servers, count: number, downAfter: number): Promise<readonly RedisServer[]> {
  const members: { readonly id: string; readonly port: number }[] = []
  for (let index = 0; index < count; index++) members.push({ id: randomBytes(20).toString('hex'), port: await machine.freePort() })
  const [primary, ...replicas] = servers
  return launchTogether(
    members.map((myself) =>
      launchServer(machine, {
        sentinel: true,
        port: myself.port,
        config: {
          'sentinel myid': myself.id,
          'sentinel monitor': `${NAME} ${primary.host} ${primary.port} ${Math.floor(count / 2) + 1}`,
          'sentinel down-after-milliseconds': `${NAME} ${downAfter}`,
          'sentinel failover-timeout': `${NAME} 5000`,
          ...known('replica', replicas.map(({ port }) => `${port}`)),
          ...known('sentinel', members.filter((member) => member !== myself).map(({ id, port }) => `${port} ${id}`)),
        },
      }),
    ),
  )
}

function known(what: 'replica' | 'sentinel', places: readonly string[]): Record<string, string> {
  return Object.fromEntries(places.map((place) => [`sentinel known-${what} ${NAME} 127.0.0.1 ${place}`, ' ']))
}

class Watched implements RedisSentinel {
  readonly name = NAME
  readonly sentinels: readonly RedisServer[]
  readonly addresses: readonly Address[]
  readonly #servers: Servers
  #primary: RedisServer

  constructor(servers: Servers, sentinels: readonly RedisServer[]) {
    this.sentinels = sentinels
    this.addresses = sentinels.map(({ host, port }) => ({ host, port }))
    this.#servers = servers
    this.#primary = servers[0]
  }

  get primary(): RedisServer {
    return this.#primary
  }

  get replicas(): readonly RedisServer[] {
    return this.#servers.filter((server) => server !== this.#primary)
  }

  async ready(): Promise<void> {
    this.#primary = await eventually(() => this.#agreed(), { within: 30_000 })
  }

  async failover(): Promise<RedisServer> {
    const [former, asked] = [this.#primary, this.sentinels.find((sentinel) => sentinel.running)]
    if (asked === undefined) throw new Error('No Sentinel is running.')
    if (!this.replicas.some((replica) => replica.running)) throw new Error('No replica is running that could take over.')
    // Refused with NOGOODSLAVE until the Sentinel has heard of a replica's health.
    await eventually(() => ask(asked, ['SENTINEL', 'FAILOVER', NAME]).then(() => true), { within: 30_000, every: 100 })
    const promoted = await eventually(async () => unless(former, await this.#named()), { within: 30_000 })
    if (former.running) await demote(former, promoted)
    await this.ready()
    return this.#primary
  }

  flush(): Promise<void> {
    return this.#primary.flush()
  }

  stop(): Promise<void> {
    return stopAll([...this.sentinels, ...this.#servers])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** The running server that all running Sentinels name, if it takes itself for a primary. */
  async #named(): Promise<RedisServer | undefined> {
    const ports = await Promise.all(this.sentinels.filter((sentinel) => sentinel.running).map((sentinel) => primaryPort(sentinel)))
    const primary = this.#servers.find(({ port, running }) => running && ports.every((named) => named === port))
    return primary !== undefined && (await primary.cli('ROLE')).startsWith('master') ? primary : undefined
  }

  async #agreed(): Promise<RedisServer | undefined> {
    const primary = await this.#named()
    const followers = this.#servers.filter((server) => server !== primary && server.running)
    const synced = await Promise.all(followers.map((follower) => follows(follower, primary)))
    return synced.every(Boolean) ? primary : undefined
  }
}

/** What a Sentinel does to a primary that was replaced, but only after eight seconds: its clients are sent away to ask again. */
async function demote(former: RedisServer, primary: RedisServer): Promise<void> {
  await ask(former, ['REPLICAOF', primary.host, primary.port])
  for (const type of ['normal', 'pubsub']) await ask(former, ['CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'])
}

async function primaryPort(sentinel: RedisServer): Promise<number> {
  const [, port] = (await ask(sentinel, ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME])) as [string, string]
  return Number(port)
}

async function follows(server: RedisServer, primary: RedisServer | undefined): Promise<boolean> {
  const [role, , port, state] = (await ask(server, ['ROLE'])) as [string, string, number, string]
  return role === 'slave' && port === primary?.port && state === 'connected'
}

function unless<T>(unwanted: T, found: T | undefined): T | undefined {
  return found === unwanted ? undefined : found
}
