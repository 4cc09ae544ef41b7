import { AsyncLocalStorage } from 'node:async_hooks'
import { InvalidOptionError, type KeyPart } from '@cache/core'
import {
  checkPrefix,
  customOption,
  durationOption,
  choiceOption,
  flagOption,
  readOptions,
  textOption,
  type OptionTable,
} from '@cache/core/internal'
import { createLocks, type HoldOptions, type Lock, type Locks } from '@cache/lock'
import { ClientScope } from './client-scope.js'
import { clientFor, clientSourceOption, type ClientSource } from './client.js'
import { methodDecorator, type InjectClient, type AsyncMethodDecorator } from './method.js'
import { sharedByCopies } from './shared-by-copies.js'

/** Options of `@WithLock`. Those for holding and waiting are those of `HoldOptions`. */
export interface WithLockOptions<Args extends readonly any[]> extends HoldOptions {
  /**
   * The name of the lock, or a function that returns it from the arguments, with the object as
   * `this`. For several names, the method holds all of these locks.
   */
  readonly name: KeyPart | ((this: any, ...args: Args) => KeyPart | readonly KeyPart[])
  /** The first part of every key, after the client's namespace. Default 'lock'. */
  readonly prefix?: string
  /**
   * Whether a call is skipped, and resolves to `undefined`, while somebody holds a lock or waits
   * for it. For jobs that every process starts and one should do. Default `false`.
   */
  readonly skipIfHeld?: boolean
  /**
   * The client to use: its name in `CacheModule`, a client, or a function that returns it from the
   * object. Default 'default'.
   */
  readonly client?: ClientSource
}

/** The rows of `WithLockOptions`. */
const withLockOptions = {
  name: customOption((value, path) => {
    if (!['string', 'number', 'bigint', 'function'].includes(typeof value) || value === '')
      throw new InvalidOptionError(path, 'a name, or a function that returns it', value)
    return value as WithLockOptions<any>['name']
  }),
  prefix: customOption((value = 'lock', path) => checkPrefix(path, value)),
  skipIfHeld: flagOption(false),
  client: clientSourceOption,
  ttl: durationOption(undefined, { min: 10 }),
  wait: durationOption(),
  renew: choiceOption([true, false]),
  maxHold: durationOption(),
  fair: choiceOption([true, false]),
  label: textOption(),
} satisfies OptionTable<WithLockOptions<any>>

/** The locks that a method holds. */
export interface HeldLocks {
  /** One for each name, each with its `fence`. */
  readonly locks: readonly Lock[]
  /** Aborts with `LockLostError` as soon as another holder may have one of the locks. */
  readonly signal: AbortSignal
  /** @throws {LockLostError} if one of the locks is lost. */
  assertHeld(): void
}

const held = sharedByCopies('held locks', () => new AsyncLocalStorage<HeldLocks>())

/**
 * Returns the locks that the innermost `@WithLock` method around this code holds, or `undefined`.
 * Pass `signal` to what must stop when a lock is lost, and the `fence` of a lock to a store that
 * checks it.
 *
 * @example
 * const { signal, locks } = currentLocks()!
 * await this.bank.pay(invoice, { signal, fence: locks[0]!.fence })
 */
export function currentLocks(): HeldLocks | undefined {
  return held.getStore()
}

/** Creates the decorator `@WithLock`. */
export function withLock<Args extends readonly any[], Added>(
  given: WithLockOptions<Args>,
  inject?: InjectClient,
): AsyncMethodDecorator<Args, any, Added> {
  const options = readOptions('@WithLock', withLockOptions, given)
  const { name: nameOf, prefix, skipIfHeld, client, ...holding } = options
  const hold = Object.fromEntries(
    Object.entries(holding).filter(([, value]) => value !== undefined),
  ) as HoldOptions
  return methodDecorator(
    'WithLock',
    client,
    (method, methodName) => {
      const owner = {}
      return async function (this: unknown, ...args) {
        const from = clientFor(client, this, methodName)
        const locks = ClientScope.of(from).get(owner, () =>
          createLocks({ ...hold, client: from, prefix }),
        )
        const names = namesFrom(
          typeof nameOf === 'function' ? nameOf.apply(this, args as any) : nameOf,
        )
        const holder = skipIfHeld
          ? await tryAcquireAll(locks, names)
          : await acquireAll(locks, names)
        if (!holder) return undefined
        try {
          return await held.run(holder, () => method.apply(this, args))
        } finally {
          await holder.release()
        }
      }
    },
    inject,
  )
}

interface Holder extends HeldLocks {
  /** Never rejects. */
  release(): Promise<void>
}

async function acquireAll(locks: Locks, names: readonly KeyPart[]): Promise<Holder> {
  if (names.length === 1) return holderOf([await locks.acquire(names[0]!)])
  const set = await locks.acquireAll(names)
  return {
    locks: set.locks,
    signal: set.signal,
    assertHeld: () => set.assertHeld(),
    release: () => set[Symbol.asyncDispose](),
  }
}

async function tryAcquireAll(locks: Locks, names: readonly KeyPart[]): Promise<Holder | undefined> {
  const acquired: Lock[] = []
  const release = (): Promise<unknown> =>
    Promise.all(acquired.map((lock) => lock[Symbol.asyncDispose]()))
  try {
    for (const name of inOneOrder(names)) {
      const lock = await locks.tryAcquire(name)
      if (!lock) {
        await release()
        return undefined
      }
      acquired.push(lock)
    }
  } catch (error) {
    await release()
    throw error
  }
  return holderOf(acquired)
}

function holderOf(locks: readonly Lock[]): Holder {
  return {
    locks,
    signal: locks.length === 1 ? locks[0]!.signal : AbortSignal.any(locks.map((l) => l.signal)),
    assertHeld: () => locks.forEach((lock) => lock.assertHeld()),
    release: async () => void (await Promise.all(locks.map((l) => l[Symbol.asyncDispose]()))),
  }
}

function namesFrom(names: KeyPart | readonly KeyPart[]): readonly KeyPart[] {
  const list = Array.isArray(names) ? (names as readonly KeyPart[]) : [names as KeyPart]
  if (list.length === 0)
    throw new InvalidOptionError('name', 'a function that returns at least one name', names)
  return list
}

/** Sorts the names, so that of several calls which need the same locks one gets all of them. */
function inOneOrder(names: readonly KeyPart[]): readonly KeyPart[] {
  const byText = new Map(names.map((name) => [String(name), name]))
  return [...byText.keys()].sort().map((text) => byText.get(text)!)
}
