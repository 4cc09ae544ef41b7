import { Batch, type Send } from './batch/batch.js'
import type { Driver } from '../drivers/driver.js'
import type { Argument, Command, Reply } from '../drivers/command.js'
import { createEntryStore, type EntryStore } from '../entries/store.js'
import { checkPrefix, createKeys, isBeside, type KeyPart } from './keys.js'
import { InvalidOptionError } from '../errors.js'
import { checkOptions } from '../util/options.js'
import { createGuardedSend } from './guarded-send.js'
import { PendingReleases } from './pending-releases.js'
import { checkResilience, type ResilienceOptions } from './resilience.js'
import { patternIn, scanNodes, type GlobPattern, type ScanOptions } from './scan.js'
import type { Script } from './script.js'

export interface ClientOptions {
  /** What every key begins with: `shop` makes `shop:product:42`. Default: nothing. */
  readonly namespace?: string
  readonly resilience?: ResilienceOptions
}

export interface SendTimeout {
  /**
   * Ms until the promise rejects with `CommandTimeoutError`. Default: `resilience.writeTimeout`.
   */
  readonly timeout?: number
}

/**
 * What every pattern stands on. Small enough to wrap: a near cache is a `CacheClient` around a
 * `CacheClient`.
 */
export interface CacheClient {
  readonly driver: Driver
  readonly namespace: string
  /** Cached values, by the protocol that keeps them from going stale. */
  readonly entries: EntryStore
  /**
   * `key('product', 42)` → `shop:product:42`. Parts are escaped, so that none can be mistaken for
   * two, or leave the namespace.
   */
  key(...parts: readonly KeyPart[]): string
  /** Sends one command, together with what else this tick sends. */
  send(command: Command, options?: SendTimeout): Promise<Reply>
  /** Runs a script, together with its other calls of this tick. */
  run<R>(
    script: Script<R>,
    keys: readonly string[],
    args: readonly Argument[],
    options?: SendTimeout,
  ): Promise<R>
  /**
   * Every key of the namespace that matches, from every node, in batches; without what stands
   * beside them (leases, queues, …).
   */
  scan(pattern: GlobPattern, options?: ScanOptions): AsyncIterable<readonly string[]>
  /** Closes what the driver opened. The Redis client that you passed in stays open: it is yours. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * A client for the patterns, over ioredis or node-redis. Promises: what is asked in one tick leaves
 * in one send; every command settles within its deadline, Redis up or down; no error goes
 * unhandled.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const client = createCacheClient(ioredisDriver(new Redis()), { namespace: 'shop' })
 * const client = createCacheClient(nodeRedisDriver(createClient()), { namespace: 'shop' })
 */
export function createCacheClient(driver: Driver, options: ClientOptions = {}): CacheClient {
  checkOptions('driver', { driver }, ['driver']).shaped(
    'driver',
    ['send', 'group', 'nodes', 'subscribe', 'close'],
    'a driver: ioredisDriver(…) or nodeRedisDriver(…)',
  )
  const check = checkOptions('options', options, ['namespace', 'resilience'])
  const namespace = check.has('namespace') ? checkPrefix('namespace', options.namespace) : ''
  const resilience = checkResilience(check)
  const { readTimeout, writeTimeout } = resilience
  // Shards have breakers of their own: where one is out, the others are not.
  const send: Send =
    driver.topology === 'sharded'
      ? (commands, timeout, settle) => driver.send(commands, { timeout, settle })
      : createGuardedSend(driver, resilience)
  const batch = new Batch(driver, send, resilience.maxInFlight)
  const pending = new PendingReleases()
  const sinceResend = (): number => driver.sinceResend?.() ?? Infinity
  const close = async (): Promise<void> => {
    await pending.close()
    await driver.close()
  }

  return {
    driver,
    namespace,
    entries: createEntryStore({ batch, readTimeout, writeTimeout, pending, sinceResend }),
    key: createKeys(namespace),
    send: async (command, { timeout = writeTimeout } = {}) =>
      batch.command(checkCommand(command), checkTimeout(timeout)),
    run: async (script, keys, args, { timeout = writeTimeout } = {}) =>
      script.parse(await batch.call(script, keys, args, checkTimeout(timeout))),
    scan: (pattern, how) => scanNodes(driver, patternIn(namespace, pattern), how, isBeside),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function checkCommand(command: Command): Command {
  const { args, keys } = (command ?? {}) as Partial<Command>
  const fits =
    Array.isArray(args) &&
    args.length > 0 &&
    args.every((argument) => typeof argument === 'string' || Buffer.isBuffer(argument)) &&
    Array.isArray(keys) &&
    keys.every((key) => typeof key === 'string')
  if (!fits)
    throw new InvalidOptionError(
      'command',
      '{ args: [name, …arguments], keys: […] }, of strings and Buffers',
      command,
    )
  // It would be told as the name, with the values in it.
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
