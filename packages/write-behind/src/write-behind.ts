import { setTimeout as sleep } from 'node:timers/promises'
import {
  LoadPolicy, ReadPath, Undecodable, checkOptions, checkPrefix, companion, createToken, loadPolicyOptions, readThrough, readsById, sourceOptions, uncachedContext,
  type EntryStore, type LeaseRequest, type LoadContext,
} from '@cache/core'
import { createDeadLetters } from './dead-letters.js'
import { Durable } from './durable.js'
import { BackpressureError, DeadLetterError } from './errors.js'
import { Partitions, type WriteId } from './partitions.js'
import { oneAfterAnother } from './one-after-another.js'
import { fieldsOf, typed } from './records.js'
import { measureScript, stateScript, writeScript } from './scripts.js'
import type { WriteBehind, WriteBehindOptions, WriteOptions } from './types.js'

const names = ['client', 'name', 'partitions', 'merge', 'maxPending', 'whenFull', 'onOutage', 'durability', ...sourceOptions, ...loadPolicyOptions.filter((name) => name !== 'version')] as const

/**
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const users = createWriteBehind({
 *   client, name: 'users', ttl: '1h',
 *   load: (id: string) => db.user(id),
 *   merge: (current, patch: Partial<User>) => ({ ...current, ...patch }),
 * })
 * await users.write('42', { name: 'Ada' })
 */
export function createWriteBehind<Loaded, Id extends WriteId, Patch = NonNullable<Loaded>>(options: WriteBehindOptions<Loaded, Id, Patch>): WriteBehind<Loaded, Id, Patch> {
  type T = NonNullable<Loaded>
  const check = checkOptions('createWriteBehind', options, names)
  const client = check.client()
  const name = checkPrefix('name', options.name)
  const load = check.function<(id: Id, context: LoadContext<T>) => Promise<T | null | undefined>>('load', 'required')
  const merge = check.function<(current: T | undefined, patch: Patch) => T>('merge')
  const maxPending = check.number('maxPending', { min: 1, integer: true }, 100_000)
  const whenFull = check.oneOf('whenFull', ['reject', 'wait'], 'reject')
  const policy = new LoadPolicy<T>(check, options, check.oneOf('onOutage', ['reject', 'load'], 'reject'))
  const { format, leaseTtl } = policy
  const partitions = new Partitions(client, name, check.number('partitions', { min: 1, max: 1_024, integer: true }, 8))
  const durability = check.nested('durability', ['replicas', 'timeout'])
  const durable = check.has('durability') ? new Durable(client, { replicas: durability.number('replicas', { min: 1, integer: true }), timeout: durability.duration('timeout', 1_000) }) : undefined

  const keyOf = (id: Id): string => partitions.of(id).entry(id)
  const keptFor = (key: string): NonNullable<LeaseRequest['kept']> => ({ ...partitions.pendingOf(key), ttl: KEPT_FOR + policy.staleBelow })
  // What is pending goes before what is cached or loaded.
  const entries: EntryStore = { ...client.entries, lease: (key, how, request) => client.entries.lease(key, how, { ...request, kept: keptFor(key) }) }
  const path = new ReadPath<T>({ ...client, entries }, name, policy)
  const source = readThrough<Loaded, Id>(readsById(path, keyOf), check)
  const inTurn = oneAfterAnother()
  const close = async (): Promise<void> => durable?.close()

  return {
    get: (id, call) => source.get(id, call),
    getMany: (ids, call) => source.getMany(ids, call),

    async peek(id) {
      const cached = await path.peek(keyOf(id))
      if (cached !== undefined) return cached
      const { key, field } = partitions.pendingOf(keyOf(id))
      const stored = await client.send({ args: ['HGET', key, field], keys: [key], binary: true }).catch((error: unknown) => { if (policy.inOutage === 'reject') throw error; return null })
      const decoded = stored === null ? undefined : await format.decode(keyOf(id), stored as Buffer)
      return decoded === undefined || decoded instanceof Undecodable ? undefined : decoded.value
    },

    async write(id, patch, how) {
      if (merge) return mergeAndQueue(merge, id, patch, how)
      await queue({ id, kind: 'write', value: patch as unknown as T }, how)
      return patch as unknown as T
    },

    put: async (id, value, how) => void (await queue({ id, kind: 'write', value }, how)),

    delete: async (id, how) => void (await queue({ id, kind: 'delete', value: null }, how)),

    async flushed(id, { signal } = {}) {
      const { pending, settled } = partitions.of(id)
      const ask = () => client.run(stateScript, [pending, settled], [String(id)])
      const [target, before] = await ask()
      if (before.startsWith('!') && target === '') throw new DeadLetterError(keyOf(id))
      for (let pause = FIRST_PAUSE; target !== ''; pause = Math.min(2 * pause, LAST_PAUSE)) {
        await sleep(pause, undefined, { signal })
        const [last, upTo] = await ask()
        if (upTo.startsWith('!') && Number(upTo.slice(1)) >= Number(target)) throw new DeadLetterError(keyOf(id))
        if (last === '' || Number(upTo) >= Number(target)) return
      }
    },

    async pending() {
      const found = await Promise.all(partitions.all.map(({ stream, owner }) => client.run(measureScript, [stream, owner], [])))
      const each = found.map(([writes, age, owned]) => ({ writes, oldest: Math.floor(age / 1_000), owned: owned === 1 }))
      return { writes: each.reduce((sum, { writes }) => sum + writes, 0), oldest: Math.max(...each.map(({ oldest }) => oldest)), partitions: each }
    },

    deadLetters: createDeadLetters<T, Id>(client, partitions, format),
    close,
    [Symbol.asyncDispose]: close,
  }

  /** The patch applied to what is pending, cached or in the database, unless somebody writes in between: then once more. */
  function mergeAndQueue(into: (current: T | undefined, patch: Patch) => T, id: Id, patch: Patch, how: WriteOptions | undefined): Promise<T> {
    const key = keyOf(id)
    return inTurn(key, async () => {
      for (let round = 0; ; round++) {
        how?.signal?.throwIfAborted()
        const token = createToken()
        const { entry } = await entries.lease(key, format, { token, ttl: leaseTtl, staleBelow: 'all', take: true })
        const current = entry ? (entry.absent ? undefined : entry.value) : ((await load(id, uncachedContext(how?.signal))) ?? undefined)
        const value = into(current, patch)
        if (await queue({ id, kind: 'write', value, patch, lease: token }, how)) return value
        await sleep(Math.random() * Math.min(5 * (round + 1), 50))
      }
    })
  }

  /** One write in the queue and in the cache. `false`: somebody else wrote since the lease it depends on was taken. */
  async function queue({ id, kind, value, patch, lease = '' }: Draft<T, Id>, { signal }: WriteOptions = {}): Promise<boolean> {
    const key = keyOf(id)
    const { stream, pending } = partitions.of(id)
    const stored = format.encode(key, value, { version: 0 })
    const ttl = (policy.storing(value, {}) ?? { ttl: KEPT_FOR }).ttl
    const keys = [key, companion(key, 'lease'), stream, pending]
    const args = [typed(id), stored, String(ttl), String(maxPending), lease, ...fieldsOf({ kind, patch, key })]
    await partitions.agree()
    for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LAST_PAUSE)) {
      signal?.throwIfAborted()
      const outcome = await path.changing([key], () => (durable ? durable.run(writeScript, keys, partitions.of(id).trace(createToken()), args, isSequence) : client.run(writeScript, keys, args)))
      if (isSequence(outcome)) return true
      if (outcome === 'overtaken') return false
      if (whenFull === 'reject') throw new BackpressureError(key, maxPending)
      await sleep(pause, undefined, { signal })
    }
  }
}

interface Draft<T, Id> {
  readonly id: Id
  readonly kind: 'write' | 'delete'
  readonly value: T | null
  readonly patch?: unknown
  /** The lease that must still hold. */
  readonly lease?: string
}

function isSequence(outcome: string): boolean {
  return outcome !== 'full' && outcome !== 'overtaken'
}

/** Ms that a pending value is cached for where its own ttl is not known. */
const KEPT_FOR = 60_000
const FIRST_PAUSE = 5
const LAST_PAUSE = 100
