import { createHash } from 'node:crypto'
import type { Argument } from '../drivers/command.js'
import { Undecodable, type Decoded, type Format, type Meta } from './format.js'
import { companion, rawKey } from '../client/keys.js'
import { CacheError, InvalidOptionError, ServerError } from '../errors.js'
import type { Batch } from '../client/batch/batch.js'
import { chunks } from '../client/batch/batched-command.js'
import { mapAtOnce } from '../util/concurrency.js'
import type { PendingReleases } from '../client/pending-releases.js'
import { Slices } from '../util/slices.js'
import { createToken } from '../util/token.js'
import type { Script } from '../client/script.js'
import { channels, emit } from '../client/telemetry.js'
import type { Entry } from './entry.js'
import type { NearChange, NearEntries, NearValue } from './near.js'
import {
  beginWriteScript,
  commitWriteScript,
  discardScript,
  expireScript,
  fillScript,
  giveUpScript,
  incrementScript,
  invalidateScript,
  leaseScript,
  readScript,
  releaseScript,
  renewScript,
} from './scripts.js'

/** The answer to who asks for the right to load. */
export type Lease<T> =
  /** A fresh entry is there after all. */
  | { readonly status: 'hit'; readonly entry: Entry<T> }
  /** It is yours: load, then `fill` or `release`. */
  | { readonly status: 'leased'; readonly entry: Entry<T> | undefined }
  /** Another is loading; its lease ends in `remaining` ms. */
  | { readonly status: 'wait'; readonly entry: Entry<T> | undefined; readonly remaining: number }
  /**
   * Load, but don't fill: a writer is under way, or (`skip`) the last loader said that its answer
   * is not to be cached.
   */
  | { readonly status: 'bypass' | 'skip'; readonly entry: Entry<T> | undefined }

export interface LeaseRequest {
  readonly token: string
  /** Ms. */
  readonly ttl: number
  /**
   * An entry with no more than this many ms to live is stale: it comes along, and the lease with
   * it.
   */
  readonly staleBelow?: number | 'all'
  /** Take the lease over instead of waiting for its holder. */
  readonly take?: boolean
  /** An entry with this stamp (empty: with none) is stale as well, and does not come along. */
  readonly outdated?: Buffer | undefined
  /**
   * A hash in the entry's slot: a value that its field has is put in the entry's place first, fresh
   * for `ttl` ms.
   */
  readonly kept?: { readonly key: string; readonly field: string; readonly ttl: number }
}

/**
 * The one door to cached values (protocol.md). Every step is one script, so it is atomic and takes
 * one round trip; steps of one tick travel together. Two promises follow from it, whatever runs
 * elsewhere and whoever crashes:
 *
 * - nothing stale after the answer: a read that begins after an `invalidate`, `put` or
 *   `commitWrite` of its key was
 *   acknowledged never gets a value loaded before it;
 * - a crash heals itself: a writer that dies between `beginWrite` and `commitWrite` leaves nothing
 *   stale beyond its intent.
 *
 * Source: leases are from "Scaling Memcache at Facebook" (NSDI '13), §3.2.1.
 */
export interface EntryStore {
  /**
   * How many steps one call should have under way, so that it fits into `resilience.maxInFlight`
   * beside others.
   */
  readonly atOnce: number
  /** Ms that a read waits for Redis: `resilience.readTimeout`. */
  readonly readTimeout: number
  /** What is asked before Redis is. */
  readonly near?: NearEntries | undefined
  /** The same entries, with what is kept of them in the process. */
  withNear(near: NearEntries): EntryStore
  /**
   * The entry, or `undefined`: there is none, or it can't be decoded. Rejects if Redis does not
   * answer. `past` what is near goes who has looked there.
   */
  read<T>(key: string, format: Format<T>, past?: 'near'): Promise<Entry<T> | undefined>
  /**
   * As `read`, of many at once, in their order; an error stands in the place of the keys it
   * concerns.
   */
  readMany<T>(
    keys: readonly string[],
    format: Format<T>,
    past?: 'near',
  ): Promise<readonly (Entry<T> | CacheError | undefined)[]>
  /** As `read`, with the time it has left to live. A little dearer. */
  readWithLife<T>(key: string, format: Format<T>, past?: 'near'): Promise<Entry<T> | undefined>
  /**
   * Asks for the right to load. Where no answer came, the lease that may have been granted, or may
   * be yet, is taken back in the background: each attempt needs a token of its own.
   */
  lease<T>(key: string, format: Format<T>, request: LeaseRequest): Promise<Lease<T>>
  /**
   * Stores what the lease's holder loaded; `false`: the lease is no longer `token`'s, and nothing
   * was stored.
   */
  fill<T>(key: string, format: Format<T>, token: string, value: T, write: Write): Promise<boolean>
  /**
   * The lease ends in `ttl` ms from now on; with `yields`, also as soon as somebody else asks for
   * it. `false`: it is no longer `token`'s.
   */
  renew(key: string, token: string, ttl: number, yields?: boolean): Promise<boolean>
  /**
   * Gives the lease back; with `skipFor` (ms), others don't queue for the next one meanwhile. Where
   * it rejects, it goes on in the background until Redis has acknowledged it.
   */
  release(key: string, token: string, skipFor?: number): Promise<boolean>
  /**
   * Stores a value that the caller knows to be current. `false`: an entry with a newer version is
   * there and stays; or a writer was under way: the old entry is gone, and the next read loads.
   */
  put<T>(key: string, format: Format<T>, value: T, write: Write): Promise<boolean>
  /** Deletes entries. Resolves to how many there were. */
  invalidate(keys: readonly string[]): Promise<number>
  /**
   * Makes entries stale: each lives for `staleFor` ms at most, and only as a stale one. Resolves to
   * how many there were.
   */
  expire(keys: readonly string[], staleFor: number): Promise<number>
  /**
   * Adds to an entry that is a number, 0 where there is none; resolves to the sum. `ttl` (ms) is
   * set where the entry has none. Rejects, and changes nothing, with `ServerError` where the entry
   * is no whole number or the sum would be beyond ±(2^53 - 1). Where a connection is lost on the
   * way it may have been added; and added twice by a Redis client that sends again what got no
   * answer, as ioredis does by default.
   */
  increment(key: string, amount: number, ttl?: number): Promise<number>
  /** Runs a script that a read waits for: as `client.run`, within `resilience.readTimeout`. */
  run<R>(script: Script<R>, keys: readonly string[], args: readonly Argument[]): Promise<R>
  /**
   * Runs a script of `defineChange`, once for each key, as a change of entries: whoever keeps these
   * is told. `beside`: further keys, in the slot of the entries.
   */
  change<R>(
    script: Script<R>,
    keys: readonly string[],
    args: readonly Argument[],
    beside?: readonly string[],
  ): Promise<readonly R[]>
  /**
   * Announces a change of the source, before it is made. Where it rejects, what has begun, or may
   * begin yet, is ended in the background.
   */
  beginWrite(keys: readonly string[], token: string, intentTtl: number): Promise<void>
  /** As `beginWrite` of one key, with the entry that the write changes, if there is one. */
  beginUpdate<T>(
    key: string,
    format: Format<T>,
    token: string,
    intentTtl: number,
  ): Promise<Entry<T> | undefined>
  /**
   * Ends it: without a value the entry is deleted. Where it rejects, the entry is deleted in the
   * background as soon as Redis answers.
   */
  commitWrite<T>(
    key: string,
    token: string,
    write?: Write & { readonly format: Format<T>; readonly value: T },
  ): Promise<'stored' | 'kept' | 'deleted'>
}

export interface Write {
  /** Ms. */
  readonly ttl: number
  readonly meta?: Meta
}

type Run = <R>(
  script: Script<R>,
  keys: readonly string[],
  args: readonly Argument[],
  timeout: number,
) => Promise<R>

interface Wiring {
  readonly batch: Batch
  readonly readTimeout: number
  readonly writeTimeout: number
  readonly near?: NearEntries
  /** What attempts may have left behind that had no answer. */
  readonly pending: PendingReleases
  /** As `Driver.sinceResend`. */
  readonly sinceResend: () => number
}

export function createEntryStore(wiring: Wiring): EntryStore {
  const { batch, readTimeout, writeTimeout, near, pending, sinceResend } = wiring
  const { atOnce } = batch
  const run: Run = async (script, keys, args, timeout) =>
    script.parse(await batch.call(script, keys, args, timeout))

  /** As `run`, of a script that changes entries: announced, where somebody is to know. */
  const runChange = <R>(
    script: Script<R>,
    [key, ...beside]: readonly string[],
    args: readonly Argument[],
    change: NearChange | undefined,
  ): Promise<R> => {
    const { channel, from, nth, id, log } = change?.announcement ?? {}
    const keys = log === undefined ? [key!, ...beside] : [key!, ...beside, log]
    return run(
      script,
      keys,
      channel === undefined
        ? args
        : [...args, channel, from!, id === undefined ? String(nth) : `${nth} ${id}`],
      writeTimeout,
    )
  }

  /** Runs a change of these entries. `kept`: what is known of the one entry then. */
  const changing = async <R>(
    keys: readonly string[],
    work: (change: NearChange | undefined) => Promise<R>,
    kept?: (result: R) => Kept | Promise<Kept>,
  ): Promise<R> => {
    const change = near?.change(keys)
    if (!change) return work(undefined)
    let result: R
    let value: Kept
    try {
      result = await work(change)
      value = await kept?.(result)
    } catch (error) {
      change.failed()
      throw error
    }
    change.acknowledged(value)
    return result
  }

  /**
   * The keys of each, and of what stands beside it. A key that is refused keeps the others from
   * being sent.
   */
  const allCompanions = async (keys: readonly string[]): Promise<[string, string, string][]> => {
    const slices = new Slices()
    const all: [string, string, string][] = []
    for (const key of keys) {
      if (slices.over) await slices.next()
      all.push(companions(key))
    }
    return all
  }

  const eachOf = <K, R>(all: readonly K[], step: (one: K) => Promise<R>): Promise<R[]> =>
    mapAtOnce(all, atOnce, step)

  /**
   * Ms for which the first step of a token may still arrive that has been sent again, and answered.
   * It would begin a write, or take a lease, that nobody ends.
   */
  const lateFor = (): string => String(sinceResend() < MAY_ARRIVE_FOR ? MAY_ARRIVE_FOR : 0)

  const look = <T>(
    key: string,
    format: Format<T>,
    past: 'near' | undefined,
  ): Entry<T> | undefined => (past === 'near' ? undefined : near?.get(key, format))

  /** Asks Redis for an entry, with what it has left to live. */
  const ask = async <T>(key: string, format: Format<T>): Promise<Entry<T> | undefined> => {
    const question = near?.ask(key)
    let value: Kept
    try {
      const stored = await run(readScript, [key], [], readTimeout)
      const entry = stored && (await decode(key, stored.value, stored.life, format))
      value = entry && { entry, format, life: stored!.life, bytes: stored!.value.length }
      return entry
    } finally {
      question?.answered(value)
    }
  }

  /**
   * Deletes what can't be read. It is as good as nothing, but its version could keep out what is
   * written.
   */
  const discard = (key: string, stored: Buffer): Promise<boolean> =>
    run(discardScript, [key], [createHash('sha1').update(stored).digest('hex')], readTimeout)

  /**
   * Whether what has kept a write out is newer, and not just something that can't be read; that is
   * deleted.
   */
  const isNewer = async <T>(key: string, format: Format<T>): Promise<boolean> => {
    const stored = await run(readScript, [key], [], readTimeout)
    if (stored === undefined || (await decode(key, stored.value, stored.life, format))) return true
    return !(await discard(key, stored.value))
  }

  /** A lease that may have been granted, or may be yet. */
  const giveUpLease = (key: string, token: string): void => {
    pending.add({
      key,
      ttl: GIVE_BACK_FOR,
      bytes: 3 * key.length,
      release: () =>
        run(giveUpScript, companions(key), [token, String(MAY_ARRIVE_FOR)], writeTimeout),
    })
  }

  /** Begins writes. `asked`: what each is to be asked with. */
  const begin = async <R>(
    keys: readonly string[],
    token: string,
    asked: (key: readonly string[], change: NearChange | undefined) => Promise<R>,
  ): Promise<R[]> => {
    const all = await allCompanions(keys)
    return changing(keys, async (change) => {
      const begun = await eachOf(all, (each) => settled(asked(each, change)))
      const failed = begun.find((one) => one.status === 'rejected')
      if (failed === undefined) return begun.map((one) => (one as PromiseFulfilledResult<R>).value)
      const open = all.filter(
        (_, i) =>
          begun[i]!.status === 'fulfilled' || isUnknown((begun[i] as PromiseRejectedResult).reason),
      )
      if (open.length > 0) giveUpWrites(open, token)
      throw failed.reason
    })
  }

  /** Writes that have begun, or may begin yet: they are ended, and their entries deleted. */
  const giveUpWrites = (all: readonly (readonly string[])[], token: string): void => {
    const args = [token, 'none', '', '0', String(MAY_ARRIVE_FOR)]
    const keys = all.map(([key]) => key!)
    pending.add({
      key: keys[0]!,
      ttl: GIVE_BACK_FOR,
      bytes: 3 * keys.reduce((sum, key) => sum + key.length, 0),
      release: () =>
        changing(keys, (change) =>
          eachOf(all, (each) => runChange(commitWriteScript, each, args, change)),
        ),
    })
  }

  /** Deletes entries; not those with a version newer than this. */
  const drop = async (keys: readonly string[], version?: number): Promise<number> => {
    const all = await allCompanions(keys)
    const existed = await changing(keys, (change) =>
      eachOf(all, (each) =>
        runChange(invalidateScript, each, [version === undefined ? '' : String(version)], change),
      ),
    )
    emit(channels.invalidate, () => ({ keys }))
    return count(existed)
  }

  return {
    atOnce,
    readTimeout,
    near,
    withNear: (other) => createEntryStore({ ...wiring, near: other }),

    read: near
      ? async (key, format, past) => look(key, format, past) ?? ask(key, format)
      : (key, format) =>
          batch.read(key, readTimeout, (value) =>
            value === null ? undefined : decode(key, value, undefined, format),
          ),

    async readMany<T>(keys: readonly string[], format: Format<T>, past?: 'near') {
      if (near)
        return eachOf(
          keys,
          async (key) => look(key, format, past) ?? ask(key, format).catch(cacheError),
        )
      const all: (Entry<T> | CacheError | undefined)[] = []
      for (const part of chunks(keys, READ_AT_ONCE)) {
        const entries = (await batch.readMany(part, readTimeout)).map((value, i) =>
          value === null
            ? undefined
            : value instanceof CacheError
              ? value
              : decode(part[i]!, value, undefined, format),
        )
        all.push(
          ...(entries.some((entry) => entry instanceof Promise)
            ? await Promise.all(entries.map(async (entry) => entry))
            : (entries as Awaited<(typeof entries)[number]>[])),
        )
      }
      return all
    },

    readWithLife: async (key, format, past) => look(key, format, past) ?? ask(key, format),

    async lease(key, format, request) {
      const { token, ttl, staleBelow = -1, take = false, kept, outdated } = request
      const keys = kept ? [...companions(key), kept.key] : companions(key)
      const further = outdated
        ? [kept?.field ?? '', String(kept?.ttl ?? 0), outdated]
        : kept
          ? [kept.field, String(kept.ttl)]
          : []
      const asked = (stale: number | 'all') =>
        run(
          leaseScript,
          keys,
          [token, String(ttl), String(stale), take ? 'take' : 'wait', ...further],
          readTimeout,
        )
      const question = near?.ask(key)
      let value: Kept
      try {
        let reply = await asked(staleBelow)
        let entry =
          reply.stored && (await decode(key, reply.stored.value, reply.stored.life, format))
        if (reply.stored && !entry) await discard(key, reply.stored.value)
        if (reply.status === 'hit') {
          if (entry) {
            value = { entry, format, life: reply.stored!.life, bytes: reply.stored!.value.length }
            return { status: 'hit', entry }
          }
          // It is there and can't be decoded: to us that is a miss.
          reply = await asked('all')
          entry = undefined
        }
        if (reply.status === 'wait') return { status: 'wait', entry, remaining: reply.remaining }
        return { status: reply.status as 'leased' | 'bypass' | 'skip', entry }
      } catch (error) {
        if (isUnknown(error)) giveUpLease(key, token)
        throw error
      } finally {
        question?.answered(value)
      }
    },

    async fill(key, format, token, value, { ttl, meta }) {
      const payload = format.encode(key, value, meta)
      const question = near?.ask(key)
      let kept: Kept
      try {
        const args = [token, payload, String(ttl), lateFor()]
        const stored = (await run(fillScript, companions(key), args, readTimeout)) === 'stored'
        if (stored && near) kept = await asStored(key, format, payload, ttl)
        return stored
      } finally {
        question?.answered(kept)
      }
    },

    renew(key, token, ttl, yields = false) {
      const args = [token, String(ttl), yields ? 'yield' : '']
      return run(renewScript, companions(key), args, readTimeout)
    },

    async release(key, token, skipFor = 0) {
      try {
        const args = [token, String(skipFor), lateFor()]
        return await run(releaseScript, companions(key), args, readTimeout)
      } catch (error) {
        if (!(error instanceof ServerError)) giveUpLease(key, token)
        throw error
      }
    },

    async put(key, format, value, { ttl, meta }) {
      // Through a lease of its own, not a bare SET: one that is delayed on its way must not
      // overwrite what was written since.
      const token = createToken()
      const payload = format.encode(key, value, meta)
      const steps = async (
        change: NearChange | undefined,
      ): Promise<'stored' | 'newer' | 'lost'> => {
        const reply = await run(
          leaseScript,
          companions(key),
          [token, String(writeTimeout), 'all', 'take'],
          writeTimeout,
        )
        if (reply.status !== 'leased') return 'lost'
        const args = [token, payload, String(ttl), lateFor()]
        return runChange(fillScript, companions(key), args, change)
      }
      const outcome = await changing([key], steps, (done) =>
        done === 'stored' ? asStored(key, format, payload, ttl) : undefined,
      ).catch((error: unknown) => {
        if (!(error instanceof ServerError)) giveUpLease(key, token)
        throw error
      })
      if (outcome === 'lost') await drop([key], meta?.version)
      if (outcome === 'newer') await isNewer(key, format)
      return outcome === 'stored'
    },

    invalidate: (keys) => drop(keys),

    async expire(keys, staleFor) {
      const all = await allCompanions(keys)
      return count(
        await changing(keys, (change) =>
          eachOf(all, ([key, lease]) =>
            runChange(expireScript, [key, lease], [String(staleFor)], change),
          ),
        ),
      )
    },

    async increment(key, amount, ttl = 0) {
      if (!Number.isSafeInteger(amount))
        throw new InvalidOptionError('amount', 'a whole number within ±(2^53 - 1)', amount)
      if (!Number.isSafeInteger(ttl) || ttl < 0)
        throw new InvalidOptionError('ttl', 'a whole number of ms above 0', ttl)
      return changing([key], (change) =>
        runChange(incrementScript, companions(key), [String(amount), String(ttl)], change),
      )
    },

    run: (script, keys, args) => run(script, keys, args, readTimeout),

    async change(script, keys, args, beside = []) {
      const all = await allCompanions(keys)
      return changing(keys, (change) =>
        eachOf(all, ([key, , intents]) =>
          runChange(script, [key, intents, ...beside], args, change),
        ),
      )
    },

    async beginWrite(keys, token, intentTtl) {
      await begin(keys, token, (each, change) =>
        runChange(beginWriteScript, each, [token, String(intentTtl), ''], change),
      )
    },

    async beginUpdate(key, format, token, intentTtl) {
      const [stored] = await begin([key], token, (each, change) =>
        runChange(beginWriteScript, each, [token, String(intentTtl), 'read'], change),
      )
      return stored && decode(key, stored, undefined, format)
    },

    async commitWrite(key, token, write) {
      const payload = write && write.format.encode(key, write.value, write.meta)
      const ending = write ? ['value', payload!, String(write.ttl)] : ['none', '', '0']
      const args = [...ending, lateFor()]
      const each = companions(key)
      try {
        const outcome = await changing(
          [key],
          (change) => runChange(commitWriteScript, each, [token, ...args], change),
          (done) =>
            done === 'stored' ? asStored(key, write!.format, payload!, write!.ttl) : undefined,
        )
        return outcome === 'kept' && !(await isNewer(key, write!.format)) ? 'deleted' : outcome
      } catch (error) {
        giveUpWrites([each], token)
        throw error
      }
    },
  }
}

type Kept = NearValue | undefined

/** What a read would find. */
async function asStored<T>(
  key: string,
  format: Format<T>,
  payload: string | Buffer,
  life: number,
): Promise<Kept> {
  const bytes = Buffer.from(payload as string)
  const entry = await decode(key, bytes, life, format)
  return entry && { entry, format, life, bytes: bytes.length }
}

function cacheError(error: unknown): CacheError {
  if (error instanceof CacheError) return error
  throw error
}

function companions(key: string): [string, string, string] {
  rawKey(key)
  return [key, companion(key, 'lease'), companion(key, 'intents')]
}

async function settled<R>(promise: Promise<R>): Promise<PromiseSettledResult<R>> {
  const [result] = await Promise.allSettled([promise])
  return result
}

/** Whether what was asked may have been done, or may be done yet. */
function isUnknown(error: unknown): boolean {
  return !(
    error instanceof ServerError ||
    (error instanceof CacheError && NOT_SENT.includes(error.code))
  )
}

const NOT_SENT: readonly string[] = ['OVERLOADED', 'CIRCUIT_OPEN', 'INVALID_KEY', 'NOT_SENT']

/**
 * Ms for which a request that had no answer may still reach the server, out of a connection that
 * was given up.
 */
const MAY_ARRIVE_FOR = 60_000
/** Keys of one call whose values are asked for, and decoded, before the event loop has a turn. */
const READ_AT_ONCE = 2_560
/** Ms for which giving back is tried. */
const GIVE_BACK_FOR = 600_000

function count(existed: readonly boolean[]): number {
  return existed.reduce((sum, one) => sum + (one ? 1 : 0), 0)
}

/** Not async: a schema that answers at once costs no promise. */
function decode<T>(
  key: string,
  stored: Buffer,
  life: number | undefined,
  format: Format<T>,
): Entry<T> | undefined | Promise<Entry<T> | undefined> {
  const decoded = format.decode(key, stored)
  return decoded instanceof Promise
    ? decoded.then((later) => entryOf(key, later, life))
    : entryOf(key, decoded, life)
}

function entryOf<T>(
  key: string,
  decoded: Decoded<T> | Undecodable,
  life: number | undefined,
): Entry<T> | undefined {
  if (decoded instanceof Undecodable) {
    emit(channels.error, () => ({
      operation: 'decode',
      key,
      error: decoded.error,
      reason: decoded.reason,
    }))
    return undefined
  }
  return life === undefined ? decoded : { ...decoded, life }
}
