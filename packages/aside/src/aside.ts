import {
  CacheWriteError, LoadPolicy, ReadPath, channels, checkOptions, checkPrefix, createKeys, createToken, loadPolicyOptions, parseDuration, tell,
  type CacheClient, type Duration, type KeyPart, type LoadContext, type LoadPolicyOptions,
} from '@cache/core'
import { answersOf, type LoadMany } from './many.js'

export interface AsideOptions<T, Id = KeyPart> extends LoadPolicyOptions<T> {
  readonly client: CacheClient
  /** What the keys of this cache begin with, behind the client's namespace. */
  readonly prefix: string
  /** The key parts of an id. Default: the id itself. */
  readonly key?: (id: Id) => KeyPart | readonly KeyPart[]
  /** How long `mutate` may take; a process that dies in it leaves the old value at most this much longer. Default 5 s. */
  readonly intentTtl?: Duration
}

export interface CallOptions {
  /** Leaves the load; when the last caller has left, the loader's signal aborts as well. */
  readonly signal?: AbortSignal
}

/**
 * Cache-aside. Promises: a read that begins after `invalidate`, `mutate` or `set` of its id was acknowledged, in any process, never
 * returns what was loaded before; one loader runs for a cold key among all processes; a read answers, from the source, with Redis down.
 *
 * Ids are strings, numbers or bigints, or whatever `key` takes; never arrays, which stand for many ids.
 */
export interface Aside<T, Id = KeyPart> {
  /** The cached value, or what `load` answers. Rejects with the loader's own error. `null` and `undefined` mean "there is none". */
  getOrLoad<L extends T | null | undefined>(id: Id, load: (context: LoadContext<T>) => L | Promise<L>, call?: CallOptions): Promise<T | Extract<L, null | undefined>>
  /**
   * The values in the order of `ids`; what is missing is loaded in one call. It answers with an array in the order of the ids it was
   * given, or with a `Map` from id to value.
   */
  getOrLoadMany(ids: readonly Id[], load: LoadMany<T, Id>, call?: CallOptions): Promise<(T | null | undefined)[]>
  /** What is cached, fresh or stale; nothing is loaded. `undefined` where there is nothing, or Redis does not answer. */
  peek(id: Id): Promise<T | null | undefined>
  /**
   * Stores a value that you know to be current, for its ttl. `false`: a writer was under way, or the value is older than the one
   * there; the next read loads. Rejects when Redis does not answer, and with `CodecError` before anything is sent.
   */
  set(id: Id, value: T, options?: { readonly ttl?: Duration }): Promise<boolean>
  /** Deletes one entry or many. Resolves to how many there were. Rejects when Redis does not answer: they may still be there. */
  invalidate(ids: Id | readonly Id[]): Promise<number>
  /** Makes entries stale: kept for `staleWhileRevalidate` and `staleIfError` only, and reloaded on the next read. */
  expire(ids: Id | readonly Id[]): Promise<number>
  /**
   * Runs `change`, which changes the source, and drops the entries it concerns. Before it begins, the old values are given no longer
   * than `intentTtl`, so that even a process that dies right after its change leaves nothing stale beyond that.
   *
   * Rejects with the error of `change`; without running it, if Redis does not answer; with `CacheWriteError` (`stored: true`, and
   * its `result`) if Redis went away after it.
   */
  mutate<R>(ids: Id | readonly Id[], change: () => R | Promise<R>): Promise<R>
}

const options_ = ['client', 'prefix', 'key', 'intentTtl', ...loadPolicyOptions] as const

/**
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const products = createAside<Product>({ client, prefix: 'product', ttl: '1h' })
 * const product = await products.getOrLoad(42, () => db.product(42))
 */
export function createAside<T, Id = KeyPart>(options: AsideOptions<T, Id>): Aside<T, Id> {
  const check = checkOptions('createAside', options, options_)
  const client = check.shaped<CacheClient>('client', ['entries', 'key', 'driver'], 'a client made by createCacheClient(…)')
  const prefix = checkPrefix('prefix', options.prefix)
  const partsOf = check.function<(id: Id) => KeyPart | readonly KeyPart[]>('key')
  const intentTtl = check.duration('intentTtl', 5_000)
  const policy = new LoadPolicy<T>(check, options)
  const reads = new ReadPath<T>(client, prefix, policy)
  const { entries } = client
  const makeKey = createKeys(client.namespace, prefix)

  return {
    getOrLoad<L extends T | null | undefined>(id: Id, load: (context: LoadContext<T>) => L | Promise<L>, call?: CallOptions) {
      let key: string
      try {
        key = keyOf(id)
      } catch (error) {
        return Promise.reject(error as Error)
      }
      return reads.get(key, load, call?.signal) as Promise<T | Extract<L, null | undefined>>
    },

    async getOrLoadMany(ids, load, call) {
      const keys = ids.map((id) => keyOf(id))
      return reads.getMany(keys, async (missing, context) => {
        const byKey = new Map(keys.map((key, i) => [key, ids[i]!]))
        const missingIds = missing.map((key) => byKey.get(key)!)
        return answersOf(await load(missingIds, context), missingIds)
      }, call?.signal)
    },

    peek: (id) => reads.peek(keyOf(id)),

    async set(id, value, { ttl } = {}) {
      const key = keyOf(id)
      const write = policy.storing(value, { ttl: ttl === undefined ? undefined : parseDuration(ttl, 'ttl') })
      reads.forget([key])
      try {
        return write ? await entries.put(key, policy.format, value, write) : (await entries.invalidate([key]), false)
      } finally {
        reads.forget([key])
      }
    },

    invalidate: (ids) => changing(keysOf(ids), (keys) => entries.invalidate(keys)),

    expire: (ids) => changing(keysOf(ids), (keys) => entries.expire(keys, policy.staleBelow)),

    mutate: (ids, change) => changing(keysOf(ids), async (keys) => {
      const token = createToken()
      const end = (): Promise<unknown> => Promise.all(keys.map((key) => entries.commitWrite(key, token)))
      const giveUp = (error: unknown): void => tell(channels.error, () => ({ operation: 'mutate', key: keys[0]!, error }))
      await entries.beginWrite(keys, token, intentTtl).catch((error: unknown) => {
        end().catch(giveUp) // some may have begun
        throw error
      })
      const result = await (async () => change())().catch(async (error: unknown) => {
        await end().catch(giveUp)
        throw error
      })
      await end().catch((cause: unknown) => { throw new CacheWriteError(keys, result, intentTtl, cause) })
      tell(channels.invalidate, () => ({ keys }))
      return result
    }),
  }

  function keyOf(id: Id): string {
    const parts = partsOf ? partsOf(id) : (id as KeyPart)
    return Array.isArray(parts) ? makeKey(...parts) : makeKey(parts as KeyPart)
  }

  function keysOf(ids: Id | readonly Id[]): string[] {
    return Array.isArray(ids) ? ids.map((id: Id) => keyOf(id)) : [keyOf(ids as Id)]
  }

  /** Who reads in this process from now on, and from the acknowledgement on, joins no load that began before. */
  async function changing<R>(keys: string[], change: (keys: string[]) => Promise<R>): Promise<R> {
    reads.forget(keys)
    try {
      return await change(keys)
    } finally {
      reads.forget(keys)
    }
  }
}
