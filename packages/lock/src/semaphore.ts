import { InvalidOptionError, type CacheClient, type KeyPart } from '@cache/core'
import {
  checkPrefix,
  clientOption,
  closeWith,
  createKeys,
  givenOption,
  numberOption,
  readOptions,
  required,
  type OptionTable,
} from '@cache/core/internal'
import { PermitsBackend, SHARED } from './backends/permits/permits.js'
import type { Occupancy } from './backends/permits/scripts.js'
import type { Lock } from './lock.js'
import { LockManager } from './manager/lock-manager.js'
import {
  holdOptions,
  nameOption,
  type AcquireOptions,
  type HoldOptions,
} from './manager/options.js'
import { sharedResources } from './manager/shared-resources.js'

export interface SemaphoreOptions extends HoldOptions {
  /** The cache client to use. */
  readonly client: CacheClient
  /** Identifies the semaphore: a string, a number or a bigint. */
  readonly name: KeyPart
  /**
   * How many holders there can be at once: 1 to 1 000 000. If processes use different numbers, each
   * request is decided by the number of its process.
   */
  readonly permits: number
  /** The first part of every key, after the client's namespace. Default 'semaphore'. */
  readonly prefix?: string
}

/** A counting semaphore. A permit is held, renewed, lost and released like a `Lock`. */
export interface Semaphore extends AsyncDisposable {
  /** Waits for a permit in the order of arrival. Rejects like `Locks.acquire`. */
  acquire(options?: AcquireOptions): Promise<Lock>
  /** Tries once. Resolves to `null` if no permit is free, or if others wait for one. */
  tryAcquire(options?: AcquireOptions): Promise<Lock | null>
  /** Holds a permit while `work` runs. */
  withPermit<R>(work: (permit: Lock) => R | Promise<R>, options?: AcquireOptions): Promise<R>
  /** Returns the number of holders and of waiters. */
  inspect(): Promise<Occupancy>
  /**
   * Ends all waits with an error of code `CLOSED`, and releases all held permits. Holders learn
   * first that their permit is lost.
   */
  close(): Promise<void>
}

/** The rows of `SemaphoreOptions`. */
const semaphoreOptions = {
  client: clientOption,
  name: nameOption,
  permits: numberOption({ min: 1, max: 1_000_000, integer: true }, required),
  prefix: givenOption('semaphore'),
  ...holdOptions,
} satisfies OptionTable<SemaphoreOptions>

/**
 * Creates a counting semaphore: at most `permits` holders at once, in all processes together.
 *
 * The limit holds as long as Redis keeps what it acknowledged. A permit whose holder died is free
 * again after its ttl.
 *
 * @throws {InvalidOptionError} If an option is invalid. The error names the option.
 * @example
 * const exports = createSemaphore({ client, name: 'exports', permits: 5 })
 * await exports.withPermit(({ signal }) => exportAll({ signal }))
 */
export function createSemaphore(options: SemaphoreOptions): Semaphore {
  const {
    client,
    name,
    permits,
    prefix: given,
    ...defaults
  } = readOptions('createSemaphore', semaphoreOptions, options)
  const prefix = checkPrefix('prefix', given, client.namespace)
  const key = createKeys(client.namespace, prefix)(name)
  const { wakeups, renewals, abandoned, release } = sharedResources(client)
  const backend = new PermitsBackend(client, wakeups, abandoned, permits)
  const manager = new LockManager(prefix, backend, renewals, defaults, release)
  closeWith(client, manager)
  const target = { name: String(name), key, tokenPrefix: SHARED }

  const semaphore: Semaphore = {
    acquire: (callOptions) => manager.acquire(target, callOptions),
    tryAcquire: (callOptions) => manager.tryAcquire(target, callOptions),
    withPermit: async (work, callOptions) => {
      if (typeof work !== 'function') throw new InvalidOptionError('work', 'a function', work)
      return manager.runWithLock(await manager.acquire(target, callOptions), work)
    },
    inspect: () => backend.inspect(key),
    close: () => manager.close(),
    [Symbol.asyncDispose]: () => semaphore.close(),
  }
  return semaphore
}
