import { InvalidOptionError, limitTo } from '@cache/core'
import {
  LoadPolicy,
  ReadPath,
  checkPrefix,
  choiceOption,
  clearableOptions,
  clientOption,
  closeWith,
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
  uncachedContext,
  warnAboutSharedPrefix,
  type OptionTable,
} from '@cache/core/internal'
import { BypassedWrites } from './bypassed-writes.js'
import { RowWriter } from './row-writer.js'
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
  const bypassed = new BypassedWrites(entries)
  closeWith(client, bypassed)
  const writer = new RowWriter<T>({
    client,
    path,
    policy,
    intentTtl,
    bypassed: onOutage === 'bypass' ? bypassed : undefined,
  })
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

    put: async (id, value) =>
      (await writer.write<T | null>(keyOf(id), async () => {
        const row: Stored<T> = await store(id, value)
        return row === undefined ? value : (row as T | null)
      })) as T,

    async delete(id) {
      if (!remove)
        throw new InvalidOptionError(
          'remove',
          'a function that removes the row, for delete() to call',
          remove,
        )
      return writer.remove(keyOf(id), () => remove(id))
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
    return (await writer.write(
      keyOf(id),
      () => store(id, patch),
      merge && ((current) => merge(current, patch)),
    )) as Written<T, S>
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
    const all = writer.writeAll(keys, change)
    return writes.map(async (_, i) => (await all)[i] as Written<T, S>)
  }
}

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
