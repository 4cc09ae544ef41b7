import { InvalidOptionError, type CacheClient, type KeyPart } from '@cache/core'
import { checkClient, checkOptions, checkPrefix, createKeys } from '@cache/core/internal'
import type { LockGround, LockInspection } from './backends/holder.js'
import { hubOf } from './manager/shared-resources.js'
import { Keeper, type Wanted } from './manager/lock-manager.js'
import type { Lock } from './lock.js'
import { LockSet } from './lock-set.js'
import { Mutex } from './backends/mutex/mutex.js'
import type { Renewals } from './manager/renewals.js'
import {
  checkTerms,
  holdOptions,
  termsOfCall,
  type AcquireOptions,
  type HoldOptions,
  type Terms,
} from './manager/options.js'

export interface LocksOptions extends HoldOptions {
  readonly client: CacheClient
  /** What the keys of these locks begin with, behind the client's namespace. Default 'lock'. */
  readonly prefix?: string
}

/**
 * Locks by name. Promises: one holder at a time as far as Redis keeps what it acknowledged; a
 * holder knows of its loss before another can have the lock, also while Redis is silent; waiters
 * are served in the order they came; nothing waits for ever.
 */
export interface Locks extends AsyncDisposable {
  /**
   * Rejects with `LockTimeoutError` after `wait`, with the reason of `signal` when it aborts, with
   * core's `ServerError` for what Redis refuses for good. An outage shorter than `wait` is waited
   * out.
   */
  acquire(name: KeyPart, options?: AcquireOptions): Promise<Lock>
  /**
   * Asks once: `null` where somebody holds it, or waits for it. Rejects when Redis does not answer.
   */
  tryAcquire(name: KeyPart, options?: AcquireOptions): Promise<Lock | null>
  /**
   * Holds it while `work` runs. Its result or its error is what you get, whatever becomes of the
   * release.
   */
  withLock<R>(
    name: KeyPart,
    work: (lock: Lock) => R | Promise<R>,
    options?: AcquireOptions,
  ): Promise<R>
  /**
   * All or none: at once where all are free and live in one slot, else one after the other in the
   * order of their keys, so that two who want the same ones can't wait for each other. `wait` is
   * for all together.
   */
  acquireAll(names: readonly KeyPart[], options?: AcquireOptions): Promise<LockSet>
  /** Who holds it; `null`: nobody. */
  inspect(name: KeyPart): Promise<LockInspection | null>
  /**
   * Takes it from whoever holds it; that one learns of it when it renews, at a third of its ttl.
   * `false`: nobody held it.
   */
  forceRelease(name: KeyPart): Promise<boolean>
  /**
   * Ends all waits, with an error of code `CLOSED`, and gives back what is held: its holders are
   * told first, as of a loss.
   */
  close(): Promise<void>
}

/**
 * Locks in one Redis or one Cluster.
 *
 * A lock is as durable as what Redis acknowledges: a failover to a replica that had not heard of it
 * frees it. Where two holders at once do damage, let the store check `lock.fence`, or use
 * `createRedlock`.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const locks = createLocks({ client, prefix: 'lock' })
 * await locks.withLock('invoice:42', async ({ signal, fence }) => pay(42, { signal, fence }), { ttl: '10s', wait: '5s' })
 */
export function createLocks(options: LocksOptions): Locks {
  const check = checkOptions('createLocks', options, ['client', 'prefix', ...holdOptions])
  const client = checkClient(check)
  const prefix = check.has('prefix')
    ? checkPrefix('prefix', options.prefix, client.namespace)
    : 'lock'
  const terms = checkTerms(check)
  const { wakeups, renewals, abandoned, leave } = hubOf(client)
  return locksOn(
    new Mutex(client, wakeups, abandoned),
    createKeys(client.namespace, prefix),
    renewals,
    terms,
    leave,
  )
}

export function locksOn(
  ground: LockGround,
  keyOf: (name: KeyPart) => string,
  renewals: Renewals,
  usual: Terms,
  leave: () => Promise<void>,
): Locks {
  const keeper = new Keeper(ground, renewals, usual)
  const wanted = (name: KeyPart): Wanted => ({ name: String(name), key: keyOf(name) })
  let closed: Promise<void> | undefined

  const locks: Locks = {
    acquire: async (name, options) => keeper.acquire(wanted(name), options),

    tryAcquire: async (name, options) => keeper.tryAcquire(wanted(name), options),

    withLock: async (name, work, options) => {
      if (typeof work !== 'function') throw new InvalidOptionError('work', 'a function', work)
      return keeper.during(await keeper.acquire(wanted(name), options), work)
    },

    async acquireAll(names, options) {
      if (!Array.isArray(names) || names.length === 0)
        throw new InvalidOptionError('names', 'an array of at least one name', names)
      const byKey = new Map(names.map((name: KeyPart) => [keyOf(name), wanted(name)]))
      const inOrder = [...byKey.keys()].sort().map((key) => byKey.get(key)!)
      const until = performance.now() + termsOfCall(options, usual).terms.wait
      const together =
        ground.takeAll &&
        (await keeper
          .takeTogether(inOrder, options, (claims) => ground.takeAll!(claims))
          .catch(() => undefined))
      return new LockSet(together ?? (await oneByOne(inOrder, until, options)))
    },

    inspect: async (name) => (await ground.inspect(keyOf(name))) ?? null,

    forceRelease: async (name) => ground.forceRelease(keyOf(name)),

    close: () => (closed ??= keeper.close().then(leave)),

    [Symbol.asyncDispose]: () => locks.close(),
  }
  return locks

  async function oneByOne(
    all: readonly Wanted[],
    until: number,
    options: AcquireOptions | undefined,
  ): Promise<Lock[]> {
    const held: Lock[] = []
    try {
      for (const one of all)
        held.push(
          await keeper.acquire(one, { ...options, wait: Math.max(1, until - performance.now()) }),
        )
      for (const lock of held) lock.assertHeld()
      return held
    } catch (error) {
      await Promise.all(held.map((lock) => lock[Symbol.asyncDispose]()))
      throw error
    }
  }
}
