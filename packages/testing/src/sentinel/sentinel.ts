import { sendCommand, type Address } from '../command.js'
import { eventually } from '../eventually.js'
import { untilPortsAreFree } from '../free-port.js'
import { ownMachine } from '../machine/own-machine.js'
import { checkConfig, checkNames, checkWholeNumber } from '../options.js'
import type { RedisServer } from '../redis-server.js'
import { stopAll } from '../server.js'
import { launchSentinels, launchServers, NAME, type Servers } from './launch.js'
import { agreedPrimary, namedPrimary } from './view.js'

/** Options of `startRedisSentinel`. */
export interface RedisSentinelOptions {
  /** The number of replicas of the primary. The default is 1. */
  readonly replicas?: number
  /** The number of Sentinels. The default is 3; use 1 unless the Sentinels are under test. */
  readonly sentinels?: number
  /**
   * Milliseconds of silence after which a Sentinel declares a server down. The default is 1000. Use
   * more if an unintended failover would break the test, because a busy machine can be silent too.
   */
  readonly downAfter?: number
  /** More lines of the servers' redis.conf. */
  readonly config?: Readonly<Record<string, string>>
}

/** A primary, its replicas and the Sentinels that watch them. */
export interface RedisSentinel extends AsyncDisposable {
  /** The name under which the Sentinels monitor the primary. */
  readonly name: string
  /** `redis://127.0.0.1:port` of the `primary`, for clients that do not know Sentinel. */
  readonly url: string
  readonly sentinels: readonly RedisServer[]
  /** The addresses of the Sentinels. */
  readonly addresses: readonly Address[]
  /** The primary at the start, or at the last `ready()` or `failover()`. */
  readonly primary: RedisServer
  readonly replicas: readonly RedisServer[]
  /**
   * Waits until all running Sentinels name the same running primary and the running replicas are in
   * sync with it.
   */
  ready(): Promise<void>
  /**
   * Makes the Sentinels promote a replica, whether the primary is dead or alive. Returns the new
   * primary once all agree.
   */
  failover(): Promise<RedisServer>
  /** Pauses the primary, the replicas and the Sentinels. To pause one, call its own `pause()`. */
  pause(): Promise<void>
  /** Resumes all of them. */
  resume(): Promise<void>
  /** Kills all of them. */
  kill(): Promise<void>
  /**
   * Restarts all of them, and waits until they are `ready()`. Without `appendonly` in `config` all
   * keys are gone.
   */
  restart(): Promise<void>
  /** Deletes all keys. */
  flush(): Promise<void>
  /** Kills all of them and removes their directories. */
  stop(): Promise<void>
}

/**
 * Starts a primary with replicas, watched by Sentinels that know each other from the start. Since
 * Redis 7.0, they replace a primary within two or three seconds of its last reply. All processes
 * end with this process.
 *
 * @throws {InvalidOptionError} when an option is invalid.
 * @throws {Error} for the same reasons as `startRedis`, or when the Sentinels did not agree within
 * 30 s.
 * @example
 * await using redis = await startRedisSentinel({ sentinels: 1 })
 * const client = new Redis({ name: redis.name, sentinels: [...redis.addresses] })
 */
export async function startRedisSentinel(
  options: RedisSentinelOptions = {},
): Promise<RedisSentinel> {
  checkOptions(options)
  const { replicas = 1, sentinels = 3, downAfter = 1_000, config = {} } = options
  const machine = await ownMachine()
  const servers = await launchServers(machine, replicas, config)
  const started = [...servers]
  try {
    const launched = await untilPortsAreFree(() =>
      launchSentinels(machine, servers, sentinels, downAfter),
    )
    started.push(...launched)
    const deployment = new SentinelDeployment(servers, launched)
    await deployment.ready()
    return deployment
  } catch (error) {
    await stopAll(started)
    throw error
  }
}

function checkOptions(options: RedisSentinelOptions): void {
  checkNames(options, ['replicas', 'sentinels', 'downAfter', 'config'])
  checkWholeNumber('replicas', options.replicas, { min: 0, max: 10 })
  checkWholeNumber('sentinels', options.sentinels, { min: 1, max: 10 })
  checkWholeNumber('downAfter', options.downAfter, { min: 100, max: 600_000 })
  checkConfig(options.config)
}

class SentinelDeployment implements RedisSentinel {
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

  get url(): string {
    return this.#primary.url
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
    const former = this.#primary
    const sentinel = this.sentinels.find(({ running }) => running)
    if (sentinel === undefined) throw new Error('No Sentinel is running.')
    if (!this.replicas.some((replica) => replica.running))
      throw new Error('No replica is running that could take over.')
    // The Sentinel replies NOGOODSLAVE until it knows that a replica is healthy.
    await eventually(() => sendCommand(sentinel, ['SENTINEL', 'FAILOVER', NAME]).then(() => true), {
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

  pause(): Promise<void> {
    return this.#onAll((server) => server.pause())
  }

  resume(): Promise<void> {
    return this.#onAll((server) => server.resume())
  }

  kill(): Promise<void> {
    return this.#onAll((server) => server.kill())
  }

  async restart(): Promise<void> {
    await this.#onAll((server) => server.restart())
    await this.ready()
  }

  flush(): Promise<void> {
    return this.#primary.flush()
  }

  stop(): Promise<void> {
    return this.#onAll((server) => server.stop())
  }

  async #onAll(action: (server: RedisServer) => Promise<void>): Promise<void> {
    await Promise.all([...this.sentinels, ...this.#servers].map(action))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

/**
 * Demotes a replaced primary and disconnects its clients, so that they ask for the new
 * primary. A Sentinel does the same, but only after a while.
 */
async function demote(former: RedisServer, primary: RedisServer): Promise<void> {
  await sendCommand(former, ['REPLICAOF', primary.host, primary.port])
  for (const type of ['normal', 'pubsub'])
    await sendCommand(former, ['CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'])
}
