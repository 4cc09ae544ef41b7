import type { CacheClient } from '../client/client.js'
import { createKeys, type KeyPart } from '../client/keys.js'
import type { EntryAccess } from './access.js'
import type { LoadContext, LoaderResult } from './loader.js'
import { valuesInOrder, type LoadMany } from './many.js'
import type { ReadOutage } from './read-outage.js'
import type { ReadPath } from './read-path.js'
import { rememberKeys } from './remember-keys.js'
import { requireFunction } from '../util/options.js'
import { TickLoads } from './tick-loads.js'
import { Slices } from '../util/slices.js'

/** Options of one call. */
export interface CallOptions {
  /**
   * Stops waiting for the load when it aborts. When the last caller stops waiting, the signal of
   * the loader aborts as well.
   */
  readonly signal?: AbortSignal
  /** Shared by the reads of one call that goes on to other caches. For packages of patterns. */
  readonly outage?: ReadOutage | undefined
}

/**
 * Returns a function that makes the key of an id: the namespace of the client, the prefix of the
 * cache, then the parts of the id, or the id itself.
 */
export function keyById<Id>(
  client: CacheClient,
  prefix: string,
  partsOf: ((id: Id) => KeyPart | readonly KeyPart[]) | undefined,
): (id: Id) => string {
  const makeKey = createKeys(client.namespace, prefix)
  const keyOf = (parts: KeyPart | readonly KeyPart[]): string =>
    Array.isArray(parts) ? makeKey(...parts) : makeKey(parts as KeyPart)
  if (partsOf) return (id) => keyOf(partsOf(id))
  return rememberKeys(client, keyOf as (id: Id) => string)
}

/** A read path that takes ids instead of keys. */
export interface ReadsById<T, Id> {
  one(
    id: Id,
    load: (context: LoadContext<T>) => LoaderResult<T>,
    call?: CallOptions,
  ): Promise<T | null | undefined>
  /** Resolves to the values in the order of `ids`. Calls `load` once for the missing ones. */
  many(
    ids: readonly Id[],
    load: LoadMany<T, Id>,
    call?: CallOptions,
  ): Promise<(T | null | undefined)[]>
  /** Returns a function like `one` that loads with this function. */
  each(
    load: (id: Id, context: LoadContext<T>) => LoaderResult<T>,
  ): (id: Id, call?: CallOptions) => Promise<T | null | undefined>
  /**
   * Returns a function like `one`. Of the reads of one tick, those that have to load are loaded
   * together with `loadMany`; a single one is loaded with `load`.
   */
  together(
    load: (id: Id, context: LoadContext<T>) => LoaderResult<T>,
    loadMany: LoadMany<T, Id>,
  ): (id: Id, call?: CallOptions) => Promise<T | null | undefined>
}

/**
 * Wraps a read path so that it takes ids. Pass `accessOf` if each id has its own access to its
 * entry.
 */
export function readsById<T, Id>(
  path: ReadPath<T>,
  keyOf: (id: Id) => string,
  accessOf?: (id: Id) => EntryAccess<T>,
): ReadsById<T, Id> {
  type Reading = Promise<T | null | undefined>

  /**
   * Returns a function that returns what is near, and calls `read` otherwise. Only `read` makes
   * closures: they would cost a near hit more than the hit itself.
   */
  const unlessNear =
    (
      read: (
        id: Id,
        key: string,
        access: EntryAccess<T> | undefined,
        call: CallOptions | undefined,
      ) => Reading,
    ) =>
    (id: Id, call?: CallOptions): Reading => {
      let key: string
      let access: EntryAccess<T> | undefined
      try {
        key = keyOf(id)
        access = accessOf?.(id)
      } catch (error) {
        return Promise.reject(error as Error)
      }
      return path.nearHit(key, call?.signal, access) ?? read(id, key, access, call)
    }

  return {
    // Not async, so that a hit costs no additional promise.
    one(id, load, call) {
      let key: string
      let access: EntryAccess<T> | undefined
      try {
        requireFunction('load', load, LOADER)
        key = keyOf(id)
        access = accessOf?.(id)
      } catch (error) {
        return Promise.reject(error as Error)
      }
      return path.get(key, load, call?.signal, access, call?.outage)
    },

    each: (load) =>
      unlessNear((id, key, access, call) =>
        path.read(key, (context) => load(id, context), call?.signal, access, call?.outage),
      ),

    together(load, loadMany) {
      const tick = new TickLoads<T, Id>(async (ids, context) =>
        ids.length === 1
          ? [load(ids[0]!, context.contexts[0]!)]
          : valuesInOrder(await loadMany(ids, context), ids),
      )
      return unlessNear((id, key, access, call) => {
        const member = tick.join(key, id)
        const loadOne = member?.load ?? ((context) => load(id, context))
        const { signal, outage } = call ?? {}
        const reading = path.read(key, loadOne, signal, access, outage, member?.onDecided)
        if (member) reading.then(member.onDecided, member.onDecided)
        return reading
      })
    },

    async many(requestedIds, load, call) {
      requireFunction('load', load, MANY_LOADER)
      const slices = new Slices()
      const ids = [...requestedIds]
      const keys: string[] = []
      const accesses = accessOf && new Map<string, EntryAccess<T>>()
      for (const id of ids) {
        if (slices.over) await slices.next()
        const key = keyOf(id)
        keys.push(key)
        accesses?.set(key, accessOf!(id))
      }
      return path.getMany(
        keys,
        async (missingKeys, context) => {
          const idByKey = new Map(keys.map((key, i) => [key, ids[i]!]))
          const missingIds = missingKeys.map((key) => idByKey.get(key)!)
          return valuesInOrder(await load(missingIds, context), missingIds)
        },
        call?.signal,
        accesses && ((key) => accesses.get(key)!),
        call?.outage,
      )
    },
  }
}

const LOADER = 'a function that loads the value'
const MANY_LOADER = 'a function that loads the values of the ids it is given'
