import type { Argument } from '../drivers/driver.js'
import { Undecodable, type Decoded, type Format, type Meta } from '../format.js'
import { companion, rawKey } from '../keys.js'
import { CacheError } from '../errors.js'
import type { Batch } from '../batch/batch.js'
import { createToken } from '../token.js'
import type { Script } from '../script.js'
import { channels, tell } from '../telemetry.js'
import { beginWriteScript, commitWriteScript, expireScript, fillScript, invalidateScript, leaseScript, readScript, releaseScript } from './scripts.js'

/** What was read: a value, or the remembered fact that there is none. */
export interface Entry<T> {
  readonly value: T
  /** The source was asked and has none; `value` is then the `null` or `undefined` that the loader answered with. */
  readonly absent: boolean
  /** Ms it has left to live, where that was asked for or came along; infinite for an entry that does not expire. */
  readonly life?: number | undefined
  readonly version: number | undefined
  /** How long its loader took, in ms, where that was kept. */
  readonly computeTime: number | undefined
}

/** The answer to who asks for the right to load. */
export type Lease<T> =
  /** A fresh entry is there after all. */
  | { readonly status: 'hit'; readonly entry: Entry<T> }
  /** It is yours: load, then `fill` or `release`. */
  | { readonly status: 'leased'; readonly entry: Entry<T> | undefined }
  /** Another is loading; its lease ends in `remaining` ms. */
  | { readonly status: 'wait'; readonly entry: Entry<T> | undefined; readonly remaining: number }
  /** Load, but don't fill: a writer is under way, or (`skip`) the last loader said that its answer is not to be cached. */
  | { readonly status: 'bypass' | 'skip'; readonly entry: Entry<T> | undefined }

export interface LeaseRequest {
  readonly token: string
  /** Ms. */
  readonly ttl: number
  /** An entry with no more than this many ms to live is stale: it comes along, and the lease with it. */
  readonly staleBelow?: number | 'all'
  /** Take the lease over instead of waiting for its holder. */
  readonly take?: boolean
  /** A hash in the entry's slot: a value that its field has is put in the entry's place first, fresh for `ttl` ms. */
  readonly kept?: { readonly key: string; readonly field: string; readonly ttl: number }
}

/**
 * The one door to cached values (protocol.md). Every step is one script, so it is atomic and takes one round trip; steps of one
 * tick travel together. Two promises follow from it, whatever runs elsewhere and whoever crashes:
 *
 * - nothing stale after the answer: a read that begins after an `invalidate`, `put` or `commitWrite` of its key was
 *   acknowledged never gets a value loaded before it;
 * - a crash heals itself: a writer that dies between `beginWrite` and `commitWrite` leaves nothing stale beyond its intent.
 *
 * Source: leases are from "Scaling Memcache at Facebook" (NSDI '13), §3.2.1.
 */
export interface EntryStore {
  /** The entry, or `undefined`: there is none, or it can't be decoded. Rejects if Redis does not answer. */
  read<T>(key: string, format: Format<T>): Promise<Entry<T> | undefined>
  /** As `read`, of many at once, in their order; an error stands in the place of the keys it concerns. */
  readMany<T>(keys: readonly string[], format: Format<T>): Promise<readonly (Entry<T> | CacheError | undefined)[]>
  /** As `read`, with the time it has left to live. A little dearer. */
  readWithLife<T>(key: string, format: Format<T>): Promise<Entry<T> | undefined>
  lease<T>(key: string, format: Format<T>, request: LeaseRequest): Promise<Lease<T>>
  /** Stores what the lease's holder loaded; `false`: the lease is no longer `token`'s, and nothing was stored. */
  fill<T>(key: string, format: Format<T>, token: string, value: T, write: Write): Promise<boolean>
  /** Gives the lease back; with `skipFor` (ms), others don't queue for the next one meanwhile. */
  release(key: string, token: string, skipFor?: number): Promise<boolean>
  /** Stores a value that the caller knows to be current. `false`: a writer was under way; the old entry is gone, and the next read loads. */
  put<T>(key: string, format: Format<T>, value: T, write: Write): Promise<boolean>
  /** Deletes entries. Resolves to how many there were. */
  invalidate(keys: readonly string[]): Promise<number>
  /** Makes entries stale: each lives for `staleFor` ms at most, and only as a stale one. Resolves to how many there were. */
  expire(keys: readonly string[], staleFor: number): Promise<number>
  /** Announces a change of the source, before it is made. */
  beginWrite(keys: readonly string[], token: string, intentTtl: number): Promise<void>
  /** As `beginWrite` of one key, with the entry that the write changes, if there is one. */
  beginUpdate<T>(key: string, format: Format<T>, token: string, intentTtl: number): Promise<Entry<T> | undefined>
  /** Ends it: without a value the entry is deleted. */
  commitWrite<T>(key: string, token: string, write?: Write & { readonly format: Format<T>; readonly value: T }): Promise<'stored' | 'kept' | 'deleted'>
}

export interface Write {
  /** Ms. */
  readonly ttl: number
  readonly meta?: Meta
}

type Run = <R>(script: Script<R>, keys: readonly string[], args: readonly Argument[], timeout: number) => Promise<R>

interface Wiring {
  readonly batch: Batch
  readonly readTimeout: number
  readonly writeTimeout: number
}

export function createEntryStore({ batch, readTimeout, writeTimeout }: Wiring): EntryStore {
  const run: Run = async (script, keys, args, timeout) => script.parse(await batch.call(script, keys, args, timeout))

  const store: EntryStore = {
    read: (key, format) => batch.read(key, readTimeout, (value) => (value === null ? undefined : decode(key, value, undefined, format))),

    async readMany(keys, format) {
      const values = await batch.readMany(keys, readTimeout)
      const entries = values.map((value, i) => (value === null ? undefined : value instanceof CacheError ? value : decode(keys[i]!, value, undefined, format)))
      return entries.some((entry) => entry instanceof Promise) ? Promise.all(entries.map(async (entry) => entry)) : (entries as Awaited<(typeof entries)[number]>[])
    },

    async readWithLife(key, format) {
      const stored = await run(readScript, [key], [], readTimeout)
      return stored && decode(key, stored.value, stored.life, format)
    },

    async lease(key, format, request) {
      const { token, ttl, staleBelow = -1, take = false, kept } = request
      const keys = kept ? [...companions(key), kept.key] : companions(key)
      const ask = (stale: number | 'all') => run(leaseScript, keys, [token, String(ttl), String(stale), take ? 'take' : 'wait', ...(kept ? [kept.field, String(kept.ttl)] : [])], readTimeout)
      let reply = await ask(staleBelow)
      let entry = reply.stored && (await decode(key, reply.stored.value, reply.stored.life, format))
      if (reply.status === 'hit') {
        if (entry) return { status: 'hit', entry }
        // It is there and can't be decoded: to us that is a miss.
        reply = await ask('all')
        entry = undefined
      }
      if (reply.status === 'wait') return { status: 'wait', entry, remaining: reply.remaining }
      return { status: reply.status as 'leased' | 'bypass' | 'skip', entry }
    },

    async fill(key, format, token, value, { ttl, meta }) {
      const payload = format.encode(key, value, meta)
      return run(fillScript, [key, companion(key, 'lease')], [token, payload, String(ttl)], readTimeout)
    },

    release: (key, token, skipFor = 0) => run(releaseScript, [companion(key, 'lease')], [token, String(skipFor)], readTimeout),

    async put(key, format, value, { ttl, meta }) {
      // Through a lease of its own, not a bare SET: one that is delayed on its way must not overwrite what was written since.
      const token = createToken()
      const payload = format.encode(key, value, meta)
      const reply = await run(leaseScript, companions(key), [token, String(writeTimeout), 'all', 'take'], writeTimeout)
      const stored = reply.status === 'leased' && (await run(fillScript, [key, companion(key, 'lease')], [token, payload, String(ttl)], writeTimeout))
      if (!stored) await store.invalidate([key])
      return stored
    },

    async invalidate(keys) {
      const all = keys.map(companions) // a key that is refused keeps the others from being sent
      const existed = await Promise.all(all.map((each) => run(invalidateScript, each, [], writeTimeout)))
      tell(channels.invalidate, () => ({ keys }))
      return count(existed)
    },

    async expire(keys, staleFor) {
      const all = keys.map(companions)
      return count(await Promise.all(all.map(([key, lease]) => run(expireScript, [key, lease], [String(staleFor)], writeTimeout))))
    },

    async beginWrite(keys, token, intentTtl) {
      const all = keys.map(companions)
      await Promise.all(all.map((each) => run(beginWriteScript, each, [token, String(intentTtl), ''], writeTimeout)))
    },

    async beginUpdate(key, format, token, intentTtl) {
      const stored = await run(beginWriteScript, companions(key), [token, String(intentTtl), 'read'], writeTimeout)
      return stored && decode(key, stored, undefined, format)
    },

    async commitWrite(key, token, write) {
      const args = write ? ['value', write.format.encode(key, write.value, write.meta), String(write.ttl)] : ['none', '', '0']
      return run(commitWriteScript, companions(key), [token, ...args], writeTimeout)
    },
  }
  return store
}

function companions(key: string): [string, string, string] {
  rawKey(key)
  return [key, companion(key, 'lease'), companion(key, 'intents')]
}

function count(existed: readonly boolean[]): number {
  return existed.reduce((sum, one) => sum + (one ? 1 : 0), 0)
}

/** Not async: a schema that answers at once costs no promise. */
function decode<T>(key: string, stored: Buffer, life: number | undefined, format: Format<T>): Entry<T> | undefined | Promise<Entry<T> | undefined> {
  const decoded = format.decode(key, stored)
  return decoded instanceof Promise ? decoded.then((later) => entryOf(key, later, life)) : entryOf(key, decoded, life)
}

function entryOf<T>(key: string, decoded: Decoded<T> | Undecodable, life: number | undefined): Entry<T> | undefined {
  if (decoded instanceof Undecodable) {
    tell(channels.error, () => ({ operation: 'decode', key, error: decoded.error, reason: decoded.reason }))
    return undefined
  }
  return life === undefined ? decoded : { ...decoded, life }
}
