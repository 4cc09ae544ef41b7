import { InvalidOptionError, type CacheClient, type KeyPart } from '@cache/core'
import {
  checkPrefix,
  clientOption,
  closeWith,
  createKeys,
  givenOption,
  readOptions,
  type OptionTable,
} from '@cache/core/internal'
import { EXCLUSIVE, PermitsBackend, SHARED } from './backends/permits/permits.js'
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

export interface ReadWriteLockOptions extends HoldOptions {
  /** The cache client to use. */
  readonly client: CacheClient
  /** Identifies the lock: a string, a number or a bigint. */
  readonly name: KeyPart
  /** The first part of every key, after the client's namespace. Default 'rwlock'. */
  readonly prefix?: string
}

/** One side of a read-write lock: the read lock or the write lock. */
export interface ReadWriteLockSide {
  /** Waits for the lock in the order of arrival. Rejects like `Locks.acquire`. */
  acquire(options?: AcquireOptions): Promise<Lock>
  /** Tries once. Resolves to `null` if the lock is not free, or if others wait for it. */
  tryAcquire(options?: AcquireOptions): Promise<Lock | null>
  /** Holds the lock while `work` runs. */
  withLock<R>(work: (lock: Lock) => R | Promise<R>, options?: AcquireOptions): Promise<R>
}

/** A lock that many readers, or one writer, can hold. */
export interface ReadWriteLock extends AsyncDisposable {
  /** Any number of readers can hold it at once. */
  readonly read: ReadWriteLockSide
  /** One writer can hold it, while there are no readers. */
  readonly write: ReadWriteLockSide
  /** Returns the number of holders and of waiters. */
  inspect(): Promise<Occupancy>
  /**
   * Ends all waits with an error of code `CLOSED`, and releases all held locks. Holders learn first
   * that their lock is lost.
   */
  close(): Promise<void>
}

/** The rows of `ReadWriteLockOptions`. */
const rwLockOptions = {
  client: clientOption,
  name: nameOption,
  prefix: givenOption('rwlock'),
  ...holdOptions,
} satisfies OptionTable<ReadWriteLockOptions>

/**
 * Creates a read-write lock: it is held by many readers or by one writer.
 *
 * Waiters are served in the order in which they came. A reader that comes after a waiting writer
 * waits as well, so that neither side starves. You cannot upgrade from read to write, because two
 * readers that both upgrade would deadlock.
 *
 * @throws {InvalidOptionError} If an option is invalid. The error names the option.
 * @example
 * const catalog = createReadWriteLock({ client, name: 'catalog' })
 * await catalog.read.withLock(() => report())
 * await catalog.write.withLock(({ fence }) => reindex({ fence }))
 */
export function createReadWriteLock(options: ReadWriteLockOptions): ReadWriteLock {
  const {
    client,
    name,
    prefix: given,
    ...defaults
  } = readOptions('createReadWriteLock', rwLockOptions, options)
  const prefix = checkPrefix('prefix', given, client.namespace)
  const key = createKeys(client.namespace, prefix)(name)
  const { wakeups, renewals, abandoned, release } = sharedResources(client)
  const backend = new PermitsBackend(client, wakeups, abandoned, UNLIMITED)
  const manager = new LockManager(prefix, backend, renewals, defaults, release)
  closeWith(client, manager)

  const createSide = (tokenPrefix: string): ReadWriteLockSide => {
    const target = { name: String(name), key, tokenPrefix }
    return {
      acquire: (callOptions) => manager.acquire(target, callOptions),
      tryAcquire: (callOptions) => manager.tryAcquire(target, callOptions),
      withLock: async (work, callOptions) => {
        if (typeof work !== 'function') throw new InvalidOptionError('work', 'a function', work)
        return manager.runWithLock(await manager.acquire(target, callOptions), work)
      },
    }
  }
  const lock: ReadWriteLock = {
    read: createSide(SHARED),
    write: createSide(EXCLUSIVE),
    inspect: () => backend.inspect(key),
    close: () => manager.close(),
    [Symbol.asyncDispose]: () => lock.close(),
  }
  return lock
}

/** The number of permits for readers. */
const UNLIMITED = 2 ** 31
