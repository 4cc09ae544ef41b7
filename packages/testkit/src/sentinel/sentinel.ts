import { ask, type Address } from '../command.js'
import { eventually } from '../eventually.js'
import { untilPortsAreFree } from '../free-port.js'
import { ownMachine } from '../machine/own-machine.js'
import type { RedisServer } from '../redis-server.js'
import { stopAll } from '../server.js'
import { launchSentinels, launchServers, NAME, type Servers } from './launch.js'
import { agreedPrimary, namedPrimary } from './view.js'

export interface SentinelOptions {
  /** Replicas of the primary; 1 where it is missing. */
  readonly replicas?: number
  /** 3 where it is missing; 1 is enough where the Sentinels themselves are not under test. */
  readonly sentinels?: number
  /**
   * Milliseconds of silence after which a Sentinel takes a server for dead; 1000 where it is
   * missing. One that must not fail over unless asked needs more: a busy machine can be silent,
   * too.
   */
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
  /**
   * Waits until all running Sentinels name the same running primary and the running replicas are in
   * sync with it.
   */
  ready(): Promise<void>
  /**
   * Has the Sentinels promote a replica, dead or alive as the primary may be. Returns the new
   * primary once all agree.
   */
  failover(): Promise<RedisServer>
  /** Deletes all keys. */
  flush(): Promise<void>
  stop(): Promise<void>
}

/**
 * A primary with replicas, watched by Sentinels, which know each other from the start. Since Redis
 * 7.0 they replace a primary within two or three seconds of its last reply. All of it dies with
 * this process.
 *
 * @throws {Error} as `startRedis`, or when the Sentinels did not agree within 30 s.
 * @example
 * await using redis = await startSentinel({ sentinels: 1 })
 * const client = new Redis({ name: redis.name, sentinels: [...redis.addresses] })
 */
export async function startSentinel(options: SentinelOptions = {}): Promise<RedisSentinel> {
  const { replicas = 1, sentinels = 3, downAfter = 1_000, config = {} } = options
  const machine = await ownMachine()
  const servers = await launchServers(machine, replicas, config)
  const started = [...servers]
  try {
    const watchers = await untilPortsAreFree(() =>
      launchSentinels(machine, servers, sentinels, downAfter),
    )
    started.push(...watchers)
    const watched = new Watched(servers, watchers)
    await watched.ready()
    return watched
  } catch (error) {
    await stopAll(started)
    throw error
  }
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
    this.#primary = await eventually(
      () => agreedPrimary(this.#running(this.sentinels), this.#running(this.#servers)),
      { within: 30_000 },
    )
  }

  async failover(): Promise<RedisServer> {
    const [former, asked] = [this.#primary, this.sentinels.find((sentinel) => sentinel.running)]
    if (asked === undefined) throw new Error('No Sentinel is running.')
    if (!this.replicas.some((replica) => replica.running))
      throw new Error('No replica is running that could take over.')
    // Refused with NOGOODSLAVE until the Sentinel has heard of a replica's health.
    await eventually(() => ask(asked, ['SENTINEL', 'FAILOVER', NAME]).then(() => true), {
      within: 30_000,
      every: 100,
    })
    await eventually(async () => (await this.#named()) !== former, { within: 30_000 })
    if (former.running) await demote(former, await this.#named())
    await this.ready()
    return this.#primary
  }

  #named(): Promise<RedisServer> {
    return namedPrimary(this.#running(this.sentinels), this.#running(this.#servers))
  }

  #running(servers: readonly RedisServer[]): readonly RedisServer[] {
    return servers.filter(({ running }) => running)
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
}

/**
 * What a Sentinel does to a primary that was replaced, but only after a while: its clients are sent
 * away to ask again.
 */
async function demote(former: RedisServer, primary: RedisServer): Promise<void> {
  await ask(former, ['REPLICAOF', primary.host, primary.port])
  for (const type of ['normal', 'pubsub'])
    await ask(former, ['CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'])
}
