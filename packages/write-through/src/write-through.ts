import {
  CacheUnavailableError,
  CacheWriteError,
  CodecError,
  InvalidOptionError,
  channels,
  limitTo,
} from '@cache/core'
import {
  choiceOption,
  clientOption,
  LoadPolicy,
  ReadPath,
  checkPrefix,
  clearableOptions,
  durationOption,
  functionOption,
  givenOption,
  keyById,
  loadPolicyOptions,
  openMutation,
  readCacheOptions,
  readThrough,
  readsById,
  required,
  sourceLoader,
  sourceOptions,
  emit,
  hasEpoch,
  uncachedContext,
  warnAboutSharedPrefix,
  withEpoch,
  writeSource,
  type Entry,
  type OptionTable,
  closeWith,
} from '@cache/core/internal'
import { BypassedWrites } from './bypassed-writes.js'
import type { Stored, WriteThrough, WriteThroughOptions, Written } from './types.js'
import { uniqueBatches } from './unique-batches.js'
import { WriteManyError } from './write-many-error.js'

/**
 * Creates a write-through cache: a write goes to the source and then to the cache, and a read loads
 * missing values.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const users = createWriteThrough({
 *   client, prefix: 'user', ttl: '1h',
 *   load: (id: number) => db.user(id),
 *   store: (id, patch: Partial<User>) => db.updateUser(id, patch),
 * })
 * await users.update(42, { name: 'Ada' })
 */
export function createWriteThrough<Loaded, Id, Patch, S extends Stored<NonNullable<Loaded>>>(
  givenOptions: WriteThroughOptions<Loaded, Id, Patch, S>,
): WriteThrough<Loaded, Id, Patch, S> {
  type T = NonNullable<Loaded>
  const options = readCacheOptions('createWriteThrough', writeThroughOptions, givenOptions)
  const { client, store, storeMany, remove, merge, intentTtl, onOutage } = options
  const prefix = checkPrefix('prefix', options.prefix, client.namespace)
  const keyOf = keyById(client, prefix, options.key)
  const policy = new LoadPolicy<T>(options)
  warnAboutSharedPrefix(client, prefix, {
    kind: policy.clearable ? 'entries of a clearable cache' : 'entries',
    codec: options.codec,
    schema: options.schema,
  })
  const path = new ReadPath<T>(client, prefix, policy)
  const source = readThrough<Loaded, Id>(readsById(path, keyOf), options)
  const load = sourceLoader<Loaded, Id>(options)
  const { entries } = client
  const { format } = policy
  const limitCommits = limitTo(entries.atOnce)
  const bypassed = new BypassedWrites(entries)
  closeWith(client, bypassed)
  const limitCalls = limitTo(options.concurrency)

  return {
    async get(id, call) {
      return bypassed.has(keyOf(id))
        ? options.load(id, uncachedContext(call?.signal))
        : source.get(id, call)
    },

    async getMany(ids, call) {
      const isBypassed = ids.map((id) => bypassed.has(keyOf(id)))
      if (!isBypassed.includes(true)) return source.getMany(ids, call)
      const values = await Promise.all([
        source.getMany(
          ids.filter((_, i) => !isBypassed[i]),
          call,
        ),
        Promise.all(
          ids
            .filter((_, i) => isBypassed[i])
            .map((id) => limitCalls(() => options.load(id, uncachedContext(call?.signal)))),
        ),
      ])
      const [cached, loaded] = values.map((part) => part.values())
      return isBypassed.map(
        (fromSource) => (fromSource ? loaded : cached)!.next().value as T | null | undefined,
      )
    },

    refresh: async (id, call) =>
      (await path.refresh(keyOf(id), (context) => load(id, context), {
        signal: call?.signal,
      })) as Loaded,

    has: async (id) => !bypassed.has(keyOf(id)) && path.has(keyOf(id)),

    peek: async (id) => (bypassed.has(keyOf(id)) ? undefined : path.peek(keyOf(id))),

    update,

    put: (id, value) =>
      write<T | null>(id, async () => {
        const row: Stored<T> = await store(id, value)
        return row === undefined ? value : (row as T | null)
      }) as Promise<T>,

    async delete(id) {
      if (!remove)
        throw new InvalidOptionError(
          'remove',
          'a function that removes the row, for delete() to call',
          remove,
        )
      const keys = [keyOf(id)]
      return path.changing(
        keys,
        () =>
          withOutage(
            keys,
            () => remove(id),
            () => writeSource(client, { keys, intentTtl, change: () => remove(id) }),
          ),
        'writes',
      )
    },

    async updateMany(writes) {
      const results: PromiseSettledResult<Written<T, S>>[] = new Array(writes.length)
      for (const batch of uniqueBatches(writes, ([id]) => keyOf(id))) {
        const outcomes = await Promise.allSettled(
          storeMany
            ? writeMany(batch.map(({ item }) => item))
            : batch.map(({ item: [id, patch] }) => limitCalls(() => update(id, patch))),
        )
        for (const [i, { index }] of batch.entries()) results[index] = outcomes[i]!
      }
      if (results.some(({ status }) => status === 'rejected')) throw new WriteManyError(results)
      return results.map((result) => (result as PromiseFulfilledResult<Written<T, S>>).value)
    },

    async invalidate(ids) {
      const keys = Array.isArray(ids) ? ids.map((id: Id) => keyOf(id)) : [keyOf(ids as Id)]
      return path.changing(keys, () => entries.invalidate(keys), 'invalidations')
    },

    async beginMutation(ids, mutationOptions) {
      const keys = Array.isArray(ids) ? ids.map((id: Id) => keyOf(id)) : [keyOf(ids as Id)]
      return openMutation(client, {
        keys,
        intentTtl,
        options: mutationOptions,
        around: (work, step) =>
          path.changing(keys, work, step === 'commit' ? 'invalidations' : undefined),
      })
    },

    clear: () => path.clear(),

    stats: () => path.stats(),

    idle: () => path.idle(),

    close: () => bypassed.close(),
    [Symbol.asyncDispose]: () => bypassed.close(),
  }

  async function update(id: Id, patch: Patch): Promise<Written<T, S>> {
    return (await write(
      id,
      () => store(id, patch),
      merge && ((current) => merge(current, patch)),
    )) as Written<T, S>
  }

  /**
   * Changes one row of the source with `change`, and caches the row that `change` answers with, or
   * else the merged row.
   */
  async function write<R extends Stored<T>>(
    id: Id,
    change: () => R | Promise<R>,
    mergeInto?: (current: T) => T,
  ): Promise<R | T | undefined> {
    const key = keyOf(id)
    let current: Entry<T> | undefined
    let epoch: string | undefined
    let merged = false
    let outcome: Outcome | undefined
    const row = await path.changing(
      [key],
      () =>
        withOutage([key], change, () =>
          writeSource<R | T>(client, {
            keys: [key],
            intentTtl,
            begin: async (token) => {
              if (!mergeInto)
                return void (epoch = await epochBeside(entries.beginWrite([key], token, intentTtl)))
              const reading = entries.beginUpdate(key, format, token, intentTtl)
              epoch = await epochBeside(reading)
              current = await reading
              if (policy.clearable && current && !hasEpoch(current, epoch)) current = undefined
            },
            change: async () => {
              const answer = await change()
              if (answer !== undefined || !mergeInto || !current || current.absent) return answer
              try {
                const row = mergeInto(current.value)
                merged = true
                return row
              } catch (error) {
                // The source has been written nevertheless.
                emit(channels.error, () => ({ operation: 'merge', key, error }))
                return answer
              }
            },
            // A merged row has no version of its own. Without a version, it is stored only if no
            // other writer overlapped.
            commit: async (token, result) => {
              outcome = await commit(key, token, result, { versioned: !merged, epoch })
            },
          }),
        ),
      'writes',
    )
    // If another writer overlapped, the row was merged with an old one.
    return merged && outcome !== 'stored' ? undefined : row
  }

  /** Does several writes with one call of `storeMany`: all of them or none. */
  function writeMany(writes: readonly (readonly [Id, Patch])[]): Promise<Written<T, S>>[] {
    const keys = writes.map(([id]) => keyOf(id))
    const change = async (): Promise<readonly S[]> => {
      const rows = await storeMany!(writes)
      if (Array.isArray(rows) && rows.length === writes.length) return rows
      throw new InvalidOptionError(
        'storeMany',
        `a function that answers with an array of ${writes.length}, in the order of the writes`,
        rows,
      )
    }
    let epoch: string | undefined
    const all = path.changing(
      keys,
      () =>
        withOutage(keys, change, () =>
          writeSource(client, {
            keys,
            intentTtl,
            begin: async (token) => {
              epoch = await epochBeside(entries.beginWrite(keys, token, intentTtl))
            },
            change,
            commit: (token, rows) =>
              Promise.all(
                keys.map((key, i) =>
                  limitCommits(() => commit(key, token, rows[i]!, { versioned: true, epoch })),
                ),
              ),
          }),
        ),
      'writes',
    )
    return writes.map(async (_, i) => (await all)[i] as Written<T, S>)
  }

  /**
   * Returns the epoch of a clearable cache before the change that begins, or `undefined` if Redis
   * does not tell it. Rejects if the change can't begin.
   */
  async function epochBeside(beginning: Promise<unknown>): Promise<string | undefined> {
    const ensuring = path.epoch?.ensure().catch(() => undefined)
    await beginning
    return ensuring
  }

  /** Ends a write: caches the row, or drops the entry if the row is unknown or can't be cached. */
  async function commit(
    key: string,
    token: string,
    row: Stored<T>,
    { versioned, epoch }: { readonly versioned: boolean; readonly epoch: string | undefined },
  ): Promise<Outcome> {
    const isCacheable = row !== undefined && (!policy.clearable || epoch !== undefined)
    const storing = isCacheable ? policy.storing(row as T | null, {}) : undefined
    if (storing === undefined) return entries.commitWrite(key, token)
    const plain = versioned ? storing : { ttl: storing.ttl }
    const write = epoch === undefined ? plain : withEpoch(plain, epoch)
    try {
      return await entries.commitWrite(key, token, { format, value: row as T, ...write })
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      emit(channels.error, () => ({ operation: 'cache what was written', key, error }))
      return entries.commitWrite(key, token)
    }
  }

  /** Runs `withRedis`, or with `onOutage: 'bypass'` only `change` while Redis is down. */
  async function withOutage<R>(
    keys: readonly string[],
    change: () => R | Promise<R>,
    withRedis: () => Promise<R>,
  ): Promise<R> {
    try {
      return await withRedis()
    } catch (error) {
      if (onOutage === 'reject' || bypassed.isFull) throw error
      if (error instanceof CacheWriteError) {
        keys.forEach((key) => bypassed.add(key))
        return error.result as R
      }
      if (!(error instanceof CacheUnavailableError)) throw error
      try {
        return await change()
      } finally {
        // Also if the change throws: it may have committed before.
        keys.forEach((key) => bypassed.add(key))
      }
    }
  }
}

type Outcome = 'stored' | 'kept' | 'deleted'

/** The rows of `WriteThroughOptions`. */
const writeThroughOptions = {
  client: clientOption,
  prefix: givenOption(),
  key: functionOption(),
  store: functionOption(required),
  storeMany: functionOption(),
  remove: functionOption(),
  merge: functionOption(),
  intentTtl: durationOption('5s'),
  onOutage: choiceOption(['reject', 'bypass'], 'reject'),
  ...clearableOptions,
  ...sourceOptions,
  ...loadPolicyOptions,
} satisfies OptionTable<WriteThroughOptions<any, any, any, any>>
