import {
  InvalidOptionError,
  ServerError,
  type Argument,
  type CacheClient,
  type LoadContext,
} from '@cache/core'
import {
  checkClient,
  LoadPolicy,
  ReadPath,
  Renewals,
  Undecodable,
  checkOptions,
  companion,
  createToken,
  loadPolicyOptions,
  loadUncached,
  readThrough,
  readsById,
  sourceOptions,
  type EntryStore,
  type LeaseRequest,
  type OptionChecks,
} from '@cache/core/internal'
import { pause } from './pause.js'
import { createDeadLetters } from './dead-letters.js'
import { Durable } from './durable.js'
import { BackpressureError, BulkWriteError, DeadLetterError } from './errors.js'
import { Partitions, checkName, type WriteId } from './partitions.js'
import { oneAfterAnother } from './one-after-another.js'
import { Records, typed } from './records.js'
import { measureScript, stateScript, writeScript } from './scripts.js'
import { Sessions } from './sessions.js'
import type { WriteBehind, WriteBehindOptions, WriteOptions } from './types.js'

const names = [
  'client',
  'name',
  'partitions',
  'merge',
  'maxPending',
  'whenFull',
  'onOutage',
  'durability',
  'patchCodec',
  ...sourceOptions,
  ...loadPolicyOptions.filter((name) => name !== 'version'),
] as const

/**
 * A write-behind cache: `write` and `put` are acknowledged once Redis has them, in the cache and in
 * a queue, and workers made by `createWriteBehindWorker` carry them to the database.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const users = createWriteBehind({
 *   client, name: 'users', ttl: '1h',
 *   load: (id: string) => db.user(id),
 *   merge: (current, patch: Partial<User>) => ({ ...current, ...patch }),
 * })
 * await users.write('42', { name: 'Ada' })
 */
export function createWriteBehind<Loaded, Id extends WriteId, Patch = NonNullable<Loaded>>(
  options: WriteBehindOptions<Loaded, Id, Patch>,
): WriteBehind<Loaded, Id, Patch> {
  type T = NonNullable<Loaded>
  const check = checkOptions('createWriteBehind', options, names)
  const client = checkClient(check)
  const name = checkName(client, options.name)
  const load = check.function<(id: Id, context: LoadContext<T>) => Promise<T | null | undefined>>(
    'load',
    'required',
  )
  const merge = check.function<(current: T | undefined, patch: Patch) => T>('merge')
  const maxPending = check.number('maxPending', { min: 1, integer: true }, 100_000)
  const whenFull = check.oneOf('whenFull', ['reject', 'wait'], 'reject')
  const policy = new LoadPolicy<T>(
    check,
    options,
    check.oneOf('onOutage', ['reject', 'load'], 'reject'),
  )
  const { format, leaseTtl } = policy
  const partitions = new Partitions(
    client,
    name,
    check.number('partitions', { min: 1, max: 1_024, integer: true }, 8),
  )
  const durable = durabilityOf(check, client)

  const records = new Records<T>({
    codec: options.codec,
    schema: options.schema,
    maxValueBytes: options.maxValueBytes,
    patchCodec: options.patchCodec,
  })
  const keyOf = (id: Id): string => partitions.of(id).entry(id)
  const keptFor = (key: string): NonNullable<LeaseRequest['kept']> => ({
    ...partitions.pendingOf(key),
    ttl: KEPT_FOR + policy.staleBelow,
  })
  // What is pending goes before what is cached or loaded.
  const entries: EntryStore = {
    ...client.entries,
    lease: (key, how, request) =>
      client.entries.lease(key, how, { ...request, kept: keptFor(key) }),
  }
  const path = new ReadPath<T>({ ...client, entries }, name, policy)
  const source = readThrough<Loaded, Id>(readsById(path, keyOf), check)
  const inTurn = oneAfterAnother()
  const renewals = new Renewals()
  const sessions = new Sessions(client)
  const atOnce = Math.min(MOST_AT_ONCE, client.entries.atOnce)
  const close = async (): Promise<void> =>
    void (await Promise.all([durable?.close(), sessions.close()]))

  return {
    get: (id, call) => source.get(id, call),
    getMany: (ids, call) => source.getMany(ids, call),

    async peek(id) {
      const cached = await path.peek(keyOf(id))
      if (cached !== undefined) return cached
      const { key, field } = partitions.pendingOf(keyOf(id))
      const stored = await client
        .send({ args: ['HGET', key, field], keys: [key], binary: true })
        .catch((error: unknown) => {
          if (
            policy.inOutage === 'reject' &&
            !(error instanceof ServerError && error.code === 'WRONGTYPE')
          )
            throw error
          return null
        })
      const decoded = stored === null ? undefined : await format.decode(keyOf(id), stored as Buffer)
      return decoded === undefined || decoded instanceof Undecodable ? undefined : decoded.value
    },

    write,
    writeMany: (writes, how) => eachOf(writes, atOnce, (id, patch) => write(id, patch, how)),
    put,
    async putMany(writes, how) {
      await eachOf(writes, atOnce, (id, value) => put(id, value, how))
    },
    delete: async (id, how) => void (await queue({ id, kind: 'delete', value: null }, how)),

    async flushed(id, { signal } = {}) {
      const { pending, stream, dead, buried, replayed } = partitions.of(id)
      const ask = (target: string) =>
        client.run(stateScript, [pending, stream, dead, buried, replayed], [String(id), target])
      let [target, outcome] = await ask('')
      for (let wait = FIRST_PAUSE; outcome === 'waiting'; wait = Math.min(2 * wait, LAST_PAUSE)) {
        await pause(wait, signal)
        ;[target, outcome] = await ask(target)
      }
      if (outcome === 'dead') throw new DeadLetterError(keyOf(id))
    },

    async pending() {
      const found = await Promise.all(
        partitions.all.map(({ stream, owner }) => client.run(measureScript, [stream, owner], [])),
      )
      const each = found.map(([writes, age, owned]) => ({
        writes,
        oldest: Math.floor(age / 1_000),
        owned: owned === 1,
      }))
      return {
        writes: each.reduce((sum, { writes }) => sum + writes, 0),
        oldest: Math.max(...each.map(({ oldest }) => oldest)),
        partitions: each,
      }
    },

    deadLetters: createDeadLetters<T, Id>({ client, partitions, records, sessions }),
    close,
    [Symbol.asyncDispose]: close,
  }

  async function write(id: Id, patch: Patch, how?: WriteOptions): Promise<T> {
    if (merge) return mergeAndQueue(merge, id, patch, how)
    await put(id, patch as unknown as T, how)
    return patch as unknown as T
  }

  async function put(id: Id, value: T, how?: WriteOptions): Promise<void> {
    await queue({ id, kind: 'write', value }, how)
  }

  /**
   * The patch applied to what is pending, cached or in the database, unless somebody writes in
   * between: then once more.
   */
  function mergeAndQueue(
    into: (current: T | undefined, patch: Patch) => T,
    id: Id,
    patch: Patch,
    how: WriteOptions | undefined,
  ): Promise<T> {
    const key = keyOf(id)
    return inTurn(
      key,
      async () => {
        for (let round = 0; ; round++) {
          how?.signal?.throwIfAborted()
          const token = createToken()
          try {
            const { entry } = await entries.lease(key, format, {
              token,
              ttl: leaseTtl,
              staleBelow: 'all',
              take: true,
            })
            const current = entry
              ? entry.absent
                ? undefined
                : entry.value
              : await loaded(id, token, how?.signal)
            const value = into(current, patch)
            if (await queue({ id, kind: 'patch', value, patch, lease: token }, how)) return value
          } catch (error) {
            // repeated until Redis takes it, or the lease ends
            entries.release(key, token).catch(() => undefined)
            throw error
          }
          await pause(Math.random() * Math.min(5 * (round + 1), 50), how?.signal)
        }
      },
      how?.signal,
    )
  }

  /** What the database has, for the holder of a lease, which is kept meanwhile. */
  async function loaded(
    id: Id,
    token: string,
    signal: AbortSignal | undefined,
  ): Promise<T | undefined> {
    const key = keyOf(id)
    const renew = (yields: boolean): Promise<boolean> => entries.renew(key, token, leaseTtl, yields)
    const renewing = renewals.start({ ttl: leaseTtl, ttls: RENEWED_FOR, renew })
    try {
      return (
        (await loadUncached<T>(key, (context) => load(id, context), {
          signal,
          hard: policy.hard,
        })) ?? undefined
      )
    } finally {
      renewing.stop()
    }
  }

  /**
   * One write in the queue and in the cache. `false`: somebody else wrote since the lease it
   * depends on was taken.
   */
  async function queue(
    { id, kind, value, patch, lease = '' }: Draft<T, Id>,
    { signal }: WriteOptions = {},
  ): Promise<boolean> {
    const key = keyOf(id)
    if (kind !== 'delete' && (value === null || value === undefined))
      throw new InvalidOptionError('value', 'a value; delete(id) removes the row', value)
    const stored = records.encode(key, value)
    const ttl = (policy.storing(value, {}) ?? { ttl: KEPT_FOR }).ttl
    const args = [
      typed(id),
      stored,
      String(ttl),
      String(maxPending),
      lease,
      kind,
      kind === 'patch' ? records.encodePatch(key, patch) : '',
    ]
    await partitions.agree()
    for (let wait = FIRST_PAUSE; ; wait = Math.min(2 * wait, LAST_PAUSE)) {
      signal?.throwIfAborted()
      const outcome = await path.changing([key], () => attempt(id, args))
      if (outcome === 'overtaken') return false
      if (outcome !== 'full') return true
      if (whenFull === 'reject') throw new BackpressureError(key, maxPending)
      await pause(wait, signal)
    }
  }

  function attempt(id: Id, args: readonly Argument[]): Promise<string> {
    const key = keyOf(id)
    const { stream, pending } = partitions.of(id)
    return sessions.attempt(partitions.of(id), key, async ({ session, number, args: own }) => {
      const store = durable ? await durable.entries() : client.entries
      const beside = [companion(key, 'lease'), stream, pending, session]
      const [outcome] = await store.change(writeScript, [key], [...own, ...args], beside)
      if (durable && /^\d/.test(outcome!)) await durable.confirm(key, session, number)
      return outcome!
    })
  }
}

/**
 * Does one thing for each of many writes, so many at once. @throws {BulkWriteError} where some were
 * refused.
 */
async function eachOf<Id extends WriteId, Given, R>(
  writes: Iterable<readonly [id: Id, given: Given]>,
  atOnce: number,
  work: (id: Id, given: Given) => Promise<R>,
): Promise<R[]> {
  const all = [...writes]
  const results: PromiseSettledResult<R>[] = []
  for (let first = 0; first < all.length; first += atOnce) {
    results.push(
      ...(await Promise.allSettled(
        all.slice(first, first + atOnce).map(async ([id, given]) => work(id, given)),
      )),
    )
  }
  const failures = results.flatMap((result, i) =>
    result.status === 'rejected' ? [{ id: all[i]![0], error: result.reason as unknown }] : [],
  )
  if (failures.length > 0) throw new BulkWriteError(failures, all.length)
  return results.map((result) => (result as PromiseFulfilledResult<R>).value)
}

function durabilityOf(check: OptionChecks, client: CacheClient): Durable | undefined {
  const own = check.nested('durability', ['replicas', 'timeout'])
  if (!check.has('durability')) return undefined
  const durability = {
    replicas: own.number('replicas', { min: 1, integer: true }),
    timeout: own.duration('timeout', 1_000),
  }
  if (client.driver.dedicates === false)
    check.fail(
      'durability',
      'unset with this Redis client: it can open no connection of its own, which WAIT needs. Use redis 6 or ioredis',
    )
  return new Durable(client, durability)
}

interface Draft<T, Id> {
  readonly id: Id
  readonly kind: 'write' | 'patch' | 'delete'
  readonly value: T | null
  readonly patch?: unknown
  /** The lease that must still hold. */
  readonly lease?: string
}

/**
 * The lease of a merging write is renewed while it loads, for so many ttls; past the first one, a
 * read that asks for it takes it over.
 */
const RENEWED_FOR = 10
/** Ms that a pending value is cached for where its own ttl is not known. */
const KEPT_FOR = 60_000
const FIRST_PAUSE = 5
const LAST_PAUSE = 100
/** Writes of a bulk call that are under way at once, where the client takes as many. */
const MOST_AT_ONCE = 500
