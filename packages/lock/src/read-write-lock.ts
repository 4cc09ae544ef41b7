import { InvalidOptionError, type CacheClient, type KeyPart } from '@cache/core'
import { checkClient, checkOptions, checkPrefix, createKeys } from '@cache/core/internal'
import { hubOf } from './manager/shared-resources.js'
import { Keeper } from './manager/lock-manager.js'
import type { Lock } from './lock.js'
import { EXCLUSIVE, Permits, SHARED } from './backends/permits/permits.js'
import type { Occupancy } from './backends/permits/scripts.js'
import {
  checkTerms,
  holdOptions,
  type AcquireOptions,
  type HoldOptions,
} from './manager/options.js'

export interface ReadWriteLockOptions extends HoldOptions {
  readonly client: CacheClient
  readonly name: KeyPart
  /** What its keys begin with, behind the client's namespace. Default 'rwlock'. */
  readonly prefix?: string
}

/** One side of a read-write lock. */
export interface Side {
  /** Rejects as `Locks.acquire` does. */
  acquire(options?: AcquireOptions): Promise<Lock>
  /** Asks once: `null` where it is not to be had, or others wait before. */
  tryAcquire(options?: AcquireOptions): Promise<Lock | null>
  /** Holds it while `work` runs. */
  withLock<R>(work: (lock: Lock) => R | Promise<R>, options?: AcquireOptions): Promise<R>
}

export interface ReadWriteLock extends AsyncDisposable {
  /** Held by any number at once. */
  readonly read: Side
  /** Held by one alone, and by no reader. */
  readonly write: Side
  inspect(): Promise<Occupancy>
  /**
   * Ends all waits, with an error of code `CLOSED`, and gives back what is held: its holders are
   * told first, as of a loss.
   */
  close(): Promise<void>
}

/**
 * Many readers or one writer. First come, first served: a reader that comes after a waiting writer
 * waits as well, so that neither side starves. There is no upgrade from read to write: two readers
 * who both want it would wait for each other.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const catalog = createReadWriteLock({ client, name: 'catalog' })
 * await catalog.read.withLock(() => report())
 * await catalog.write.withLock(({ fence }) => reindex({ fence }))
 */
export function createReadWriteLock(options: ReadWriteLockOptions): ReadWriteLock {
  const check = checkOptions('createReadWriteLock', options, [
    'client',
    'name',
    'prefix',
    ...holdOptions,
  ])
  const client = checkClient(check)
  const prefix = check.has('prefix')
    ? checkPrefix('prefix', options.prefix, client.namespace)
    : 'rwlock'
  if (!check.has('name')) check.fail('name', 'a string, a number or a bigint')
  const key = createKeys(client.namespace, prefix)(options.name)
  const terms = checkTerms(check)
  const { wakeups, renewals, abandoned, leave } = hubOf(client)
  const keeper = new Keeper(new Permits(client, wakeups, abandoned, ANY_NUMBER), renewals, terms)
  let closed: Promise<void> | undefined

  const side = (kind: string): Side => {
    const wanted = { name: String(options.name), key, kind }
    return {
      acquire: (call) => keeper.acquire(wanted, call),
      tryAcquire: (call) => keeper.tryAcquire(wanted, call),
      withLock: async (work, call) => {
        if (typeof work !== 'function') throw new InvalidOptionError('work', 'a function', work)
        return keeper.during(await keeper.acquire(wanted, call), work)
      },
    }
  }
  const lock: ReadWriteLock = {
    read: side(SHARED),
    write: side(EXCLUSIVE),
    inspect: () => keeper.ground.inspect(key),
    close: () => (closed ??= keeper.close().then(leave)),
    [Symbol.asyncDispose]: () => lock.close(),
  }
  return lock
}

const ANY_NUMBER = 2 ** 31
