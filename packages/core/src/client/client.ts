import { Batch } from './batch/batch.js'
import type { Circuit, Driver } from '../drivers/driver.js'
import type { Argument, Command, Reply } from '../drivers/command.js'
import { createEntryStore, type EntryStore } from '../entries/store.js'
import { checkPrefix, createKeys, isBeside, type KeyPart } from './keys.js'
import { defaultsOption, type CacheDefaults } from '../reads/client-defaults.js'
import { createHealth, type ClientHealth, type HealthOptions } from './health.js'
import { InvalidOptionError } from '../errors.js'
import {
  customOption,
  objectOption,
  readOptions,
  required,
  type OptionTable,
} from '../util/options.js'
import { CLOSABLES, Closables } from './closables.js'
import { failureOptions, FailureLog, type FailureOptions } from './failures/failure-log.js'
import { GAUGES, Gauges, addGauge } from './gauges.js'
import { createGuardedSend } from './guarded-send.js'
import { PendingReleases } from './pending-releases.js'
import { resilienceOption, toResilience, type ResilienceOptions } from './resilience.js'
import { patternIn, scanNodes, type GlobPattern, type ScanOptions } from './scan.js'
import type { Script } from './script.js'
import { sendThrough, type Send } from './send-through.js'

export interface ClientOptions extends FailureOptions {
  /** The first part of every key: `shop` makes `shop:product:42`. */
  readonly namespace?: string
  /** Time limits, and protection against a server that does not answer. */
  readonly resilience?: ResilienceOptions
  /**
   * Options that all caches of this client have by default, such as
   * `{ ttl: '1h', staleIfError: '1d', jitter: 0.1 }`. Each cache can override them; `false` turns
   * one off.
   */
  readonly defaults?: CacheDefaults
}

export interface SendTimeout {
  /**
   * Milliseconds until the promise rejects with a `CommandTimeoutError`. Default:
   * `resilience.writeTimeout`.
   */
  readonly timeout?: number
}

/**
 * The client that every pattern uses. The interface is small, so that you can wrap it: a near cache
 * is a `CacheClient` around another `CacheClient`.
 */
export interface CacheClient {
  readonly driver: Driver
  readonly namespace: string
  /** Default options for all caches of this client. */
  readonly defaults?: CacheDefaults | undefined
  /** Reads and writes cached values with the protocol that prevents stale entries. */
  readonly entries: EntryStore
  /**
   * Returns a key of the namespace: `key('product', 42)` → `shop:product:42`. Special characters
   * in the parts are escaped, so that no part can be taken for two parts or leave the namespace.
   */
  key(...parts: readonly KeyPart[]): string
  /** Sends one command, together with the other commands of this tick. */
  send(command: Command, options?: SendTimeout): Promise<Reply>
  /** Runs a script, together with its other calls of this tick. */
  run<R>(
    script: Script<R>,
    keys: readonly string[],
    args: readonly Argument[],
    options?: SendTimeout,
  ): Promise<R>
  /**
   * Returns all keys of the namespace that match the pattern, from all nodes, in batches. Keys that
   * belong to another key (leases, queues, …) are left out.
   */
  scan(pattern: GlobPattern, options?: ScanOptions): AsyncIterable<readonly string[]>
  /**
   * Checks every primary with a PING, and the buses and queues that use this client. Never rejects
   * because of Redis, and takes no longer than its timeout. It sends nothing to a node whose
   * circuit is open.
   *
   * @throws {InvalidOptionError} if the timeout is invalid.
   * @example
   * app.get('/healthz', async (_, reply) => {
   *   const health = await client.health({ timeout: '500ms' })
   *   return reply.code(health.reachable ? 200 : 503).send(health)
   * })
   */
  health(options?: HealthOptions): Promise<ClientHealth>
  /**
   * Closes everything that was created on this client, and then the connections that the driver
   * opened: held locks and slots are released, near caches answer nothing any more, workers finish
   * their batch, buses stop listening. Can be called several times. The Redis client that you
   * passed in stays open.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Creates a cache client, which all patterns need, over ioredis or node-redis. It guarantees:
 *
 * - All requests of one tick are sent together.
 * - Every command settles within its deadline, whether Redis is up or down.
 * - No promise of the client is rejected without a handler.
 *
 * @throws {InvalidOptionError} if an option is invalid. The error names the option.
 * @example
 * const client = createCacheClient(ioredisDriver(new Redis()), { namespace: 'shop' })
 * const client = createCacheClient(nodeRedisDriver(createClient()), { namespace: 'shop' })
 */
export function createCacheClient(driver: Driver, options: ClientOptions = {}): CacheClient {
  driverOption.check(driver, 'driver')
  const { namespace, defaults, logger, onError, ...checked } = readOptions(
    'options',
    clientOptions,
    options,
  )
  const resilience = toResilience(checked.resilience)
  const { readTimeout, writeTimeout } = resilience
  const failures = new FailureLog({
    ...(logger && { logger }),
    ...(onError && { onError }),
    namespace,
    nodeOf: driver.nodeOf,
  })
  // Each shard has its own circuit breaker, so that the others continue while one is down.
  const guarded = driver.topology === 'sharded' ? undefined : createGuardedSend(driver, resilience)
  const send: Send = guarded ?? ((commands, timeout) => sendThrough(driver, commands, timeout))
  const batch = new Batch(driver, send, resilience.maxInFlight, failures)
  const pendingReleases = new PendingReleases()
  const sinceResend = (): number => driver.sinceResend?.() ?? Infinity
  const closables = new Closables()
  const gauges = new Gauges()
  const circuits = (): ReadonlyMap<string, Circuit> =>
    guarded?.circuits() ?? driver.circuits?.() ?? new Map()
  let closed: Promise<void> | undefined
  const closeAll = async (): Promise<void> => {
    gauges.close()
    await closables.close()
    await pendingReleases.close()
    failures.close()
    await driver.close()
  }
  const close = (): Promise<void> => (closed ??= closeAll())

  const client: CacheClient = {
    driver,
    namespace,
    defaults,
    entries: createEntryStore({
      batch,
      readTimeout,
      writeTimeout,
      pending: pendingReleases,
      sinceResend,
    }),
    key: createKeys(namespace),
    send: async (command, { timeout = writeTimeout } = {}) =>
      batch.command(checkCommand(command), checkTimeout(timeout)),
    // Not async, because that would cost each call another promise.
    run(script, keys, args, { timeout = writeTimeout } = {}) {
      try {
        return batch.call(script, keys, args, checkTimeout(timeout))
      } catch (error) {
        return Promise.reject(error as Error)
      }
    },
    scan: (pattern, scanOptions) =>
      scanNodes(driver, patternIn(namespace, pattern), scanOptions, isBeside),
    health: createHealth({
      driver,
      failures,
      circuits,
      timeout: writeTimeout,
    }),
    close,
    [Symbol.asyncDispose]: close,
  }
  Object.assign(client, { [CLOSABLES]: closables, [GAUGES]: gauges })
  addGauge(client, 'circuits', '', client, () => {
    const states = [...circuits().values()]
    const count = (state: Circuit): number => states.filter((other) => other === state).length
    return { open: count('open'), halfOpen: count('half-open') }
  })
  return client
}

const driverOption = objectOption(
  ['send', 'group', 'nodes', 'subscribe', 'close'],
  'a driver: ioredisDriver(…) or nodeRedisDriver(…)',
  required,
)

/** The rows of `ClientOptions`. */
const clientOptions = {
  namespace: customOption((namespace, path) =>
    namespace === undefined ? '' : checkPrefix(path, namespace),
  ),
  resilience: resilienceOption,
  defaults: defaultsOption,
  ...failureOptions,
} satisfies OptionTable<ClientOptions>

function checkCommand(command: Command): Command {
  const { args, keys } = (command ?? {}) as Partial<Command>
  const isCommand =
    Array.isArray(args) &&
    args.length > 0 &&
    args.every((argument) => typeof argument === 'string' || Buffer.isBuffer(argument)) &&
    Array.isArray(keys) &&
    keys.every((key) => typeof key === 'string')
  if (!isCommand)
    throw new InvalidOptionError(
      'command',
      '{ args: [name, …arguments], keys: […] }, of strings and Buffers',
      command,
    )
  // The first argument is shown in errors as the name of the command, so it must not contain
  // values.
  if (/\s/.test(String(args[0])))
    throw new InvalidOptionError(
      'command',
      '{ args: [name, …arguments], keys: […] }, each argument by itself',
    )
  return command
}

function checkTimeout(timeout: number): number {
  if (!(typeof timeout === 'number' && timeout > 0))
    throw new InvalidOptionError('timeout', 'a number of ms above 0', timeout)
  return timeout
}
