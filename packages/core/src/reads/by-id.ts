import type { CacheClient } from '../client/client.js'
import { createKeys, type KeyPart } from '../client/keys.js'
import type { EntryAccess } from './access.js'
import type { LoadContext } from './loader.js'
import { answersOf, type LoadMany } from './many.js'
import type { ReadOutage } from './read-outage.js'
import type { ReadPath } from './read-path.js'
import { Slices } from '../util/slices.js'

export interface CallOptions {
  /** Leaves the load; when the last caller has left, the loader's signal aborts as well. */
  readonly signal?: AbortSignal
  /**
   * What the reads of one call have in common that goes on to other caches. For packages of
   * patterns.
   */
  readonly outage?: ReadOutage | undefined
}

/** The key of an id: its parts, or itself, behind the client's namespace and the cache's prefix. */
export function keyById<Id>(
  { namespace }: CacheClient,
  prefix: string,
  partsOf: ((id: Id) => KeyPart | readonly KeyPart[]) | undefined,
): (id: Id) => string {
  const makeKey = createKeys(namespace, prefix)
  return (id) => {
    const parts = partsOf ? partsOf(id) : (id as KeyPart)
    return Array.isArray(parts) ? makeKey(...parts) : makeKey(parts as KeyPart)
  }
}

/** A read path by ids instead of keys. */
export interface ReadsById<T, Id> {
  one(
    id: Id,
    load: (context: LoadContext<T>) => T | null | undefined | Promise<T | null | undefined>,
    call?: CallOptions,
  ): Promise<T | null | undefined>
  /** The values in the order of `ids`; one call of `load` for what is missing. */
  many(
    ids: readonly Id[],
    load: LoadMany<T, Id>,
    call?: CallOptions,
  ): Promise<(T | null | undefined)[]>
}

/** `accessTo`: where each id has a way of its own to its entry. */
export function readsById<T, Id>(
  path: ReadPath<T>,
  keyOf: (id: Id) => string,
  accessTo?: (id: Id) => EntryAccess<T>,
): ReadsById<T, Id> {
  return {
    // Not async: a hit costs no promise more.
    one(id, load, call) {
      let key: string
      let access: EntryAccess<T> | undefined
      try {
        key = keyOf(id)
        access = accessTo?.(id)
      } catch (error) {
        return Promise.reject(error as Error)
      }
      return path.get(key, load, call?.signal, access, call?.outage)
    },

    async many(asked, load, call) {
      const slices = new Slices()
      const ids = [...asked]
      const keys: string[] = []
      const accesses = accessTo && new Map<string, EntryAccess<T>>()
      for (const id of ids) {
        if (slices.over) await slices.next()
        const key = keyOf(id)
        keys.push(key)
        accesses?.set(key, accessTo!(id))
      }
      return path.getMany(
        keys,
        async (missing, context) => {
          const byKey = new Map(keys.map((key, i) => [key, ids[i]!]))
          const missingIds = missing.map((key) => byKey.get(key)!)
          return answersOf(await load(missingIds, context), missingIds)
        },
        call?.signal,
        accesses && ((key) => accesses.get(key)!),
        call?.outage,
      )
    },
  }
}
