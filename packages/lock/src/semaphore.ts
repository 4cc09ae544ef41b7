import { InvalidOptionError, type CacheClient, type KeyPart } from '@cache/core'
import { checkClient, checkOptions, checkPrefix, createKeys } from '@cache/core/internal'
import { hubOf } from './manager/shared-resources.js'
import { Keeper } from './manager/lock-manager.js'
import type { Lock } from './lock.js'
import { Permits, SHARED } from './backends/permits/permits.js'
import type { Occupancy } from './backends/permits/scripts.js'
import {
  checkTerms,
  holdOptions,
  type AcquireOptions,
  type HoldOptions,
} from './manager/options.js'

export interface SemaphoreOptions extends HoldOptions {
  readonly client: CacheClient
  readonly name: KeyPart
  /** How many may hold it at once. Where processes disagree, each asks by its own number. */
  readonly permits: number
  /** What its keys begin with, behind the client's namespace. Default 'semaphore'. */
  readonly prefix?: string
}

/** A permit is held, renewed, lost and given back as a `Lock` is. */
export interface Semaphore extends AsyncDisposable {
  /** Waits for a permit, first come, first served. Rejects as `Locks.acquire` does. */
  acquire(options?: AcquireOptions): Promise<Lock>
  /** Asks once: `null` where none is free, or others wait for one. */
  tryAcquire(options?: AcquireOptions): Promise<Lock | null>
  /** Holds a permit while `work` runs. */
  withPermit<R>(work: (permit: Lock) => R | Promise<R>, options?: AcquireOptions): Promise<R>
  inspect(): Promise<Occupancy>
  /**
   * Ends all waits, with an error of code `CLOSED`, and gives back what is held: its holders are
   * told first, as of a loss.
   */
  close(): Promise<void>
}

/**
 * A counting semaphore. Promises: no more than `permits` hold it at once, as far as Redis keeps
 * what it acknowledged; a permit whose holder died is free again after its ttl.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const exports = createSemaphore({ client, name: 'exports', permits: 5 })
 * await exports.withPermit(({ signal }) => exportAll({ signal }))
 */
export function createSemaphore(options: SemaphoreOptions): Semaphore {
  const check = checkOptions('createSemaphore', options, [
    'client',
    'name',
    'permits',
    'prefix',
    ...holdOptions,
  ])
  const client = checkClient(check)
  const permits = check.number('permits', { min: 1, max: 1_000_000, integer: true })
  const prefix = check.has('prefix')
    ? checkPrefix('prefix', options.prefix, client.namespace)
    : 'semaphore'
  if (!check.has('name')) check.fail('name', 'a string, a number or a bigint')
  const key = createKeys(client.namespace, prefix)(options.name)
  const terms = checkTerms(check)
  const { wakeups, renewals, abandoned, leave } = hubOf(client)
  const keeper = new Keeper(new Permits(client, wakeups, abandoned, permits), renewals, terms)
  const wanted = { name: String(options.name), key, kind: SHARED }
  let closed: Promise<void> | undefined

  const semaphore: Semaphore = {
    acquire: (call) => keeper.acquire(wanted, call),
    tryAcquire: (call) => keeper.tryAcquire(wanted, call),
    withPermit: async (work, call) => {
      if (typeof work !== 'function') throw new InvalidOptionError('work', 'a function', work)
      return keeper.during(await keeper.acquire(wanted, call), work)
    },
    inspect: () => keeper.ground.inspect(key),
    close: () => (closed ??= keeper.close().then(leave)),
    [Symbol.asyncDispose]: () => semaphore.close(),
  }
  return semaphore
}
