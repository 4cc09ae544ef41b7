import { ServerError } from '@cache/core'
import {
  choiceOption,
  clientOption,
  LoadPolicy,
  ReadPath,
  Renewals,
  Backoff,
  Undecodable,
  createToken,
  loadPolicyOptions,
  functionOption,
  givenOption,
  loadUncached,
  numberOption,
  omitOptions,
  readCacheOptions,
  readThrough,
  readsById,
  sleep,
  sourceLoader,
  sourceOptions,
  warnAboutSharedPrefix,
  type EntryStore,
  type OptionTable,
  closeWith,
} from '@cache/core/internal'
import { writeAll } from './bulk.js'
import { createDeadLetters } from './dead-letters.js'
import { durabilityOption, durableConnection } from './durable-connection.js'
import { DeadLetterError } from './errors.js'
import { measurePartitions } from './measure-queue.js'
import { monitorQueue } from './monitor-queue.js'
import { Partitions, checkQueuePrefix, partitionsOption, type WriteId } from './partitions.js'
import { FALLBACK_TTL, POLLING, QueueWriter } from './queue-writer.js'
import { leaseScript, writeStateScript } from './scripts.js'
import { serializeByKey } from './serialize-by-key.js'
import { Sessions } from './sessions.js'
import type { Pending, WriteBehind, WriteBehindOptions, WriteOptions } from './types.js'
import { WriteBatches } from './write-batches.js'
import { WriteFormat, patchCodecOption } from './write-format.js'

/** The rows of `WriteBehindOptions`. */
const writeBehindOptions = {
  client: clientOption,
  prefix: givenOption(),
  partitions: partitionsOption,
  merge: functionOption(),
  maxPending: numberOption({ min: 1, integer: true }, 100_000),
  whenFull: choiceOption(['reject', 'wait'], 'reject'),
  onOutage: choiceOption(['reject', 'bypass'], 'reject'),
  durability: durabilityOption,
  patchCodec: patchCodecOption,
  ...sourceOptions,
  ...omitOptions(loadPolicyOptions, ['version']),
} satisfies OptionTable<WriteBehindOptions<any, any, any>>

/**
 * Creates a write-behind cache. A write is acknowledged as soon as Redis has it, in the cache and
 * in a queue. The workers of `createWriteBehindWorker` carry it to the database.
 *
 * @throws {InvalidOptionError} if an option is wrong. It names the option.
 * @example
 * const users = createWriteBehind({
 *   client, prefix: 'users', ttl: '1h',
 *   load: (id: string) => db.user(id),
 *   merge: (current, patch: Partial<User>) => ({ ...current, ...patch }),
 * })
 * await users.update('42', { name: 'Ada' })
 */
export function createWriteBehind<Loaded, Id extends WriteId, Patch = NonNullable<Loaded>>(
  givenOptions: WriteBehindOptions<Loaded, Id, Patch>,
): WriteBehind<Loaded, Id, Patch> {
  type T = NonNullable<Loaded>
  const options = readCacheOptions('createWriteBehind', writeBehindOptions, givenOptions)
  const { client, merge, maxPending, whenFull, onOutage } = options
  const prefix = checkQueuePrefix(client, options.prefix)
  const load = sourceLoader<Loaded, Id>(options)
  const policy = new LoadPolicy<T>(
    { ...options, version: undefined },
    {
      inOutage: onOutage === 'bypass' ? 'load' : 'reject',
      mustExpire: 'nobody invalidates these entries, so they must end by themselves',
    },
  )
  const { leaseTtl } = policy
  warnAboutSharedPrefix(client, prefix, {
    kind: 'entries of a queue',
    codec: options.codec,
    schema: options.schema,
  })
  const partitions = new Partitions(client, prefix, options.partitions)
  const durable = durableConnection(client, options.durability)
  const format = new WriteFormat<T>(options)
  const sessions = new Sessions(client)
  closeWith(client, sessions)
  if (durable) closeWith(client, durable)

  const keyOf = (id: Id): string => partitions.of(id).entry(id)
  // A read that finds no entry gets the pending value before anything is loaded.
  const entries: EntryStore = {
    ...client.entries,
    lease(key, valueFormat, request) {
      const pending = partitions.pendingOf(key)
      const args = [pending.field, String(FALLBACK_TTL + policy.staleBelow)]
      const extension = { script: leaseScript, keys: [pending.key], args }
      return client.entries.lease(key, valueFormat, { ...request, extension })
    },
  }
  const path = new ReadPath<T>({ ...client, entries }, prefix, policy)
  const source = readThrough<Loaded, Id>(readsById(path, keyOf), options)
  const writer = new QueueWriter<T, Id>({
    partitions,
    policy,
    format,
    batches: new WriteBatches({ client, partitions, path, sessions, durable, maxPending }),
    maxPending,
    whenFull,
  })
  const serialized = serializeByKey()
  const renewals = new Renewals()
  const bulk = {
    concurrency: Math.min(MAX_BULK_CONCURRENCY, client.entries.atOnce),
    partitionOf: (id: Id) => partitions.of(id),
  }
  const monitored = monitorQueue(client, prefix, partitions)
  closeWith(client, monitored)
  const close = async (): Promise<void> => {
    monitored.close()
    await Promise.all([durable?.close(), sessions.close()])
  }

  return {
    get: (id, options) => source.get(id, options),
    getMany: (ids, options) => source.getMany(ids, options),

    async peek(id) {
      const cached = await path.peek(keyOf(id))
      return cached === undefined ? peekPending(id) : cached
    },

    has: async (id) => (await path.has(keyOf(id))) || (await peekPending(id)) !== undefined,

    update,
    updateMany: (patches, options) =>
      writeAll(patches, { ...bulk, write: (id, patch) => update(id, patch, options) }),
    put,
    async putMany(values, options) {
      const write = (id: Id, value: T) => writer.queue({ id, kind: 'write', value }, options)
      await writeAll(values, { ...bulk, write })
    },
    async delete(id, options) {
      await writer.queue({ id, kind: 'delete', value: null }, options)
    },

    async flushed(id, { signal } = {}) {
      const { pending, stream, deadLetters, deadLetterState, replayed } = partitions.of(id)
      const keys = [pending, stream, deadLetters, deadLetterState, replayed]
      const stateOf = (sequence: string) =>
        client.run(writeStateScript, keys, [String(id), sequence])
      // The first answer names the last write of the id. The others tell its state.
      let [sequence, state] = await stateOf('')
      const polling = new Backoff(POLLING)
      while (state === 'waiting') {
        await sleep(polling.next(), signal)
        ;[sequence, state] = await stateOf(sequence)
      }
      if (state === 'dead') throw new DeadLetterError(keyOf(id))
    },

    stats: () => path.stats(),

    pending,

    deadLetters: createDeadLetters<T, Id>({ client, partitions, format, sessions }),
    close,
    [Symbol.asyncDispose]: close,
  }

  async function pending(): Promise<Pending> {
    const states = await measurePartitions(partitions)
    const byPartition = states.map(({ writes, oldest, owned }) => ({ writes, oldest, owned }))
    return {
      writes: byPartition.reduce((sum, { writes }) => sum + writes, 0),
      oldest: Math.max(...byPartition.map(({ oldest }) => oldest)),
      partitions: byPartition,
    }
  }

  /** Returns the value that is pending for an id, or `undefined` if there is none. */
  async function peekPending(id: Id): Promise<T | null | undefined> {
    const { key, field } = partitions.pendingOf(keyOf(id))
    const stored = await client
      .send({ args: ['HGET', key, field], keys: [key], binary: true })
      .catch((error: unknown) => {
        const isForeign = error instanceof ServerError && error.code === 'WRONGTYPE'
        if (onOutage === 'reject' && !isForeign) throw error
        return null
      })
    if (stored === null) return undefined
    const decoded = await policy.format.decode(keyOf(id), stored as Buffer)
    return decoded === undefined || decoded instanceof Undecodable ? undefined : decoded.value
  }

  async function update(id: Id, patch: Patch, options?: WriteOptions): Promise<T> {
    if (merge) return mergeAndQueue(merge, id, patch, options)
    await put(id, patch as unknown as T, options)
    return patch as unknown as T
  }

  async function put(id: Id, value: T, options?: WriteOptions): Promise<void> {
    await writer.queue({ id, kind: 'write', value }, options)
  }

  /**
   * Merges a patch into the value that is pending, cached or in the database, and queues the
   * result. Starts over if another write comes in between.
   */
  function mergeAndQueue(
    mergePatch: (current: T | undefined, patch: Patch) => T,
    id: Id,
    patch: Patch,
    options: WriteOptions | undefined,
  ): Promise<T> {
    const key = keyOf(id)
    const signal = options?.signal
    const attemptUntilQueued = async (): Promise<T> => {
      for (let round = 0; ; round++) {
        signal?.throwIfAborted()
        const lease = createToken()
        try {
          const { entry } = await entries.lease(key, policy.format, {
            token: lease,
            ttl: leaseTtl,
            staleBelow: 'all',
            take: true,
          })
          const current = entry
            ? entry.absent
              ? undefined
              : entry.value
            : await loadWithLease(id, lease, signal)
          const value = mergePatch(current, patch)
          if (await writer.queue({ id, kind: 'patch', value, patch, lease }, options)) return value
        } catch (error) {
          // The release is repeated until Redis acknowledges it, or the lease expires.
          entries.release(key, lease).catch(() => undefined)
          throw error
        }
        await sleep(Math.random() * Math.min(5 * (round + 1), 50), signal)
      }
    }
    return serialized(key, attemptUntilQueued, signal)
  }

  /** Loads a row from the database for the holder of a lease, and renews the lease meanwhile. */
  async function loadWithLease(
    id: Id,
    lease: string,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> {
    const key = keyOf(id)
    const renew = (yields: boolean): Promise<boolean> => entries.renew(key, lease, leaseTtl, yields)
    const renewal = renewals.start({ ttl: leaseTtl, ttls: LEASE_RENEWAL_TTLS, renew })
    try {
      return (
        (await loadUncached<T>(key, (context) => load(id, context), {
          signal,
          hard: policy.hard,
        })) ?? undefined
      )
    } finally {
      renewal.stop()
    }
  }
}

/**
 * The lease of an `update` is renewed while it loads, for at most this many ttls. After the first
 * ttl, a reader that asks for the lease takes it over.
 */
const LEASE_RENEWAL_TTLS = 10
/** The maximum number of writes of a bulk call that are in flight at a time. */
const MAX_BULK_CONCURRENCY = 500
