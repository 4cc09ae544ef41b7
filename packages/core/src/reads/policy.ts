import type { Codec } from '../codecs/codec.js'
import { jittered, parseTtl, type Duration, type Ttl } from '../util/duration.js'
import type { Entry } from '../entries/entry.js'
import { formatOf, formatOptions, type Format, type Meta } from '../entries/format.js'
import { InvalidOptionError } from '../errors.js'
import {
  choiceOption,
  customOption,
  durationOption,
  flagOption,
  functionOption,
  numberOption,
  readGroup,
  type CheckedOptions,
  type OptionTable,
} from '../util/options.js'
import type { Schema } from '../codecs/schema.js'
import type { Size } from '../util/size.js'

/**
 * Options for loading values, for how long they are fresh, and for serving them afterwards. All
 * patterns that read through share them.
 */
export interface LoadPolicyOptions<T> {
  /**
   * How long an entry is fresh, or `'never'`: it does not expire. You can pass a function of the
   * value. Required, unless the client has a default. Default: that of the client.
   *
   * An entry that does not expire is kept until it is invalidated or written. Servers with a
   * `volatile-…` policy never evict it, and servers with an `allkeys-…` policy may.
   */
  readonly ttl?: Ttl | ((value: T) => Ttl)
  /**
   * The share by which each ttl varies at random, so that entries written together do not expire
   * together. 0.1 means ±10 %. Default 0. Entries that do not expire have none.
   */
  readonly jitter?: number
  /** Encodes values as bytes. Default `json`. */
  readonly codec?: Codec<T>
  /**
   * A Standard Schema (zod, valibot, arktype) that entries must match. An entry that does not match
   * is a miss, and is reported on `cache:error`.
   */
  readonly schema?: Schema<T>
  /** The maximum size of an entry, for writes and reads. Default '8mb'. */
  readonly maxValueBytes?: Size
  /**
   * How long a missing value (`null` or `undefined` from the loader) is cached. Default off.
   * `false`: off, whatever the default of the client is.
   */
  readonly negativeTtl?: Duration | false
  /**
   * How long, jittered, later callers of this process get the error of a loader again without a new
   * load. Default off.
   */
  readonly errorTtl?: Duration | false
  /** Selects the errors that `errorTtl` does not keep: returns `true` for them. */
  readonly retryOn?: (error: unknown) => boolean
  /**
   * How long after its ttl an entry is still served, while one caller of all processes reloads it
   * in the background. Default off. An entry that does not expire becomes
   * stale only by `expire`. Source: RFC 5861, §3.
   */
  readonly staleWhileRevalidate?: Duration | false
  /**
   * How long after that it is still served if the loader throws. Default off. Source: RFC
   * 5861, §4.
   */
  readonly staleIfError?: Duration | false
  /**
   * Reloads entries in the background before they expire, with a probability that rises towards
   * expiry (XFetch). Default off. Pass `true`, or an object: a larger `beta` (default 1) reloads
   * earlier, and `share` (default 0.2) is the last share of the ttl in which it may happen. Not
   * with the ttl `'never'`. Source: Vattani et al., VLDB '15.
   */
  readonly earlyRefresh?: boolean | { readonly beta?: number; readonly share?: number }
  /**
   * Which callers load a cold key. `'lease'`: one caller of all processes. `'process'`: one caller
   * in each process. `'off'`: every caller. Default 'lease'.
   */
  readonly stampede?: 'lease' | 'process' | 'off'
  /**
   * How long a caller waits for the load of another process. After that, it loads for itself
   * without filling the cache. Default 2 s.
   */
  readonly waitFor?: Duration
  /**
   * How long a caller that loads keeps the others waiting if it dies or hangs. Callers of one
   * process join a load for this long, and its lease is renewed meanwhile. Then the next caller
   * starts a new load. A load that takes longer than twice this may not be cached. The leases of
   * one load of many keys are renewed for up to ten times as long, but after the first `leaseTtl`
   * the next caller that asks for a key starts a new load of it. Default 10 s, or
   * `loadTimeout.hard` plus one second if that is more.
   */
  readonly leaseTtl?: Duration
  /**
   * Limits how long callers wait for a load. `soft`: after this time, callers get the stale value
   * if there is one, and the load goes on. `hard`: after this time, the signal of the loader
   * aborts, and callers get `LoadTimeoutError`.
   */
  readonly loadTimeout?: { readonly soft?: Duration; readonly hard?: Duration }
  /**
   * Called with a promise for each reload in the background. The promise never rejects. Pass the
   * function that keeps your serverless function alive (`waitUntil` of Vercel, `after` of Next).
   */
  readonly waitUntil?: (work: Promise<unknown>) => void
  /**
   * Returns the version of a value: a number from its row that grows with each change. An older
   * value never overwrites a newer one.
   */
  readonly version?: (value: T) => number
}

/** The rows of `LoadPolicyOptions`. */
export const loadPolicyOptions = {
  ttl: customOption((ttl, path) =>
    typeof ttl === 'function' ? (ttl as (value: any) => Ttl) : parseTtl(ttl as Ttl, path),
  ),
  jitter: numberOption({ min: 0, max: 1 }, 0),
  ...formatOptions,
  negativeTtl: durationOption(undefined, { allowFalse: true }),
  errorTtl: durationOption(undefined, { allowFalse: true }),
  retryOn: functionOption<(error: unknown) => boolean>(() => false),
  staleWhileRevalidate: durationOption(undefined, { allowFalse: true }),
  staleIfError: durationOption(undefined, { allowFalse: true }),
  earlyRefresh: customOption(checkEarlyRefresh),
  stampede: choiceOption(['lease', 'process', 'off'], 'lease'),
  waitFor: durationOption('2s'),
  leaseTtl: durationOption(),
  loadTimeout: customOption(checkLoadTimeout),
  waitUntil: functionOption(),
  version: functionOption(),
} satisfies OptionTable<LoadPolicyOptions<unknown>>

/** `LoadPolicyOptions` that are checked, with their defaults. */
export type CheckedLoadPolicy<T> = CheckedOptions<typeof loadPolicyOptions, LoadPolicyOptions<T>>

/** How to store a value. */
export interface StoreOptions {
  /** Milliseconds; `Infinity`: it does not expire. */
  readonly ttl: number
  readonly meta?: Meta
  /** See `Write.replaces`. */
  readonly replaces?: boolean
}

/**
 * How a read continues if Redis does not answer. `'load'`: it loads from the source. `'reject'`: it
 * rejects, because the source may lack acknowledged writes.
 */
export type InOutage = 'load' | 'reject'

/** An option of caches whose entries `clear()` can make invalid together. */
export interface ClearableOptions {
  /**
   * Whether `clear()` is available. Each read then reads the epoch of the cache together with the
   * entry: one more key in the same round trip. All processes of a cache must agree on it. Entries
   * need a ttl other than `'never'`. Default `false`.
   */
  readonly clearable?: boolean
}

/** The rows of `ClearableOptions`. */
export const clearableOptions = {
  clearable: flagOption(false),
} satisfies OptionTable<ClearableOptions>

/** What a pattern asks of the options of its caches. */
export interface LoadPolicyRules {
  /** Default `'load'`. */
  readonly inOutage?: InOutage
  /** Why no entry may have the ttl `'never'`. Default: an entry may. */
  readonly mustExpire?: string | undefined
}

/** The checked `LoadPolicyOptions` of a `ReadPath`, with defaults. For packages of patterns. */
export class LoadPolicy<T> {
  readonly format: Format<T>
  /** Whether the cache has the option `clearable`. */
  readonly clearable: boolean
  readonly inOutage: InOutage
  readonly errorTtl: number | undefined
  readonly retryOn: (error: unknown) => boolean
  readonly stampede: 'lease' | 'process' | 'off'
  readonly waitFor: number
  readonly leaseTtl: number
  readonly soft: number | undefined
  readonly hard: number | undefined
  /**
   * An entry with at most this many ms left to live is stale. 0 if no entry is ever stale, because
   * Redis deletes it when it expires.
   */
  readonly staleBelow: number
  /** Whether reads need to know the remaining life of an entry. */
  readonly needsLife: boolean
  readonly waitUntil: ((work: Promise<unknown>) => void) | undefined
  readonly #staleIfError: number
  readonly #ttl: number | ((value: T) => Ttl)
  readonly #mustExpire: string | undefined
  readonly #negativeTtl: number | undefined
  readonly #jitter: number
  readonly #early: EarlyRefresh | undefined
  readonly #version: ((value: T) => number) | undefined

  constructor(
    options: CheckedLoadPolicy<T> & { readonly clearable?: boolean },
    { inOutage = 'load', mustExpire }: LoadPolicyRules = {},
  ) {
    this.inOutage = inOutage
    this.clearable = options.clearable ?? false
    this.#mustExpire =
      mustExpire ??
      (this.clearable
        ? 'entries that clear() has ended stay in Redis until they expire'
        : undefined)
    this.#ttl = typeof options.ttl === 'function' ? options.ttl : this.#checkTtl(options.ttl)
    this.#jitter = options.jitter
    this.#negativeTtl = options.negativeTtl
    this.#version = options.version
    this.#early = options.earlyRefresh
    refuseEarlyRefreshOfNever(options, 'earlyRefresh')
    this.errorTtl = options.errorTtl
    this.retryOn = options.retryOn
    this.stampede = options.stampede
    this.waitUntil = options.waitUntil
    this.waitFor = options.waitFor
    this.soft = options.loadTimeout.soft
    this.hard = options.loadTimeout.hard
    this.leaseTtl = options.leaseTtl ?? Math.max(10_000, (this.hard ?? 0) + 1_000)
    this.#staleIfError = options.staleIfError ?? 0
    this.staleBelow = (options.staleWhileRevalidate ?? 0) + this.#staleIfError
    this.needsLife = this.staleBelow > 0 || this.#early !== undefined
    this.format = formatOf<T>(options)
  }

  /**
   * Classifies an entry. `'early'`: it is fresh, but should be reloaded in the background.
   * `'stale'`: it is served while it is reloaded. `'fallback'`: it is served only if the loader
   * throws.
   */
  freshness({
    life = Infinity,
    computeTime,
    value,
    absent,
  }: Entry<T>): 'fresh' | 'early' | 'stale' | 'fallback' {
    if (life <= this.staleBelow) return life > this.#staleIfError ? 'stale' : 'fallback'
    if (!this.#early || computeTime === undefined) return 'fresh'
    return this.#isEarly(life - this.staleBelow, computeTime, this.#freshFor(value, absent))
      ? 'early'
      : 'fresh'
  }

  #isEarly(freshLeft: number, computeTime: number, freshFor: number | undefined): boolean {
    const { beta, share } = this.#early!
    const gap = -Math.log(1 - Math.random()) * computeTime * beta
    return freshFor !== undefined && freshLeft <= Math.min(gap, share * freshFor)
  }

  #freshFor(value: T, absent: boolean): number | undefined {
    if (absent) return this.#negativeTtl
    return typeof this.#ttl === 'function' ? parseTtl(this.#ttl(value), 'ttl') : this.#ttl
  }

  /**
   * The longest life of an entry in ms, as far as the options say it: 0 if `ttl` is a function. An
   * entry may also get a ttl of its own.
   */
  get maxLife(): number {
    if (typeof this.#ttl === 'function') return 0
    return this.#ttl * (1 + this.#jitter) + this.staleBelow
  }

  /** Returns the ttl in ms. @throws {InvalidOptionError} if it is infinite and must not be. */
  #checkTtl(ttl: number): number {
    if (ttl === Infinity && this.#mustExpire !== undefined)
      throw new InvalidOptionError('ttl', `a duration: ${this.#mustExpire}`, 'never')
    return ttl
  }

  /**
   * Returns how to store a value, or `undefined` if it must not be stored.
   *
   * @throws {InvalidOptionError} if the value must expire, and its ttl is infinite.
   */
  storing(
    value: T | null | undefined,
    { ttl, computeTime }: { readonly ttl?: number | undefined; readonly computeTime?: number },
  ): StoreOptions | undefined {
    const absent = value === null || value === undefined
    const freshFor = ttl ?? this.#freshFor(value as T, absent)
    if (freshFor === undefined) return undefined
    this.#checkTtl(freshFor)
    const meta: Meta = {
      ...(this.#version && !absent && { version: this.#version(value) }),
      ...(this.#early && computeTime !== undefined && { computeTime: Math.ceil(computeTime) }),
    }
    return { ttl: jittered(freshFor, this.#jitter) + this.staleBelow, meta }
  }
}

/** @throws {InvalidOptionError} if entries that never expire would be reloaded before they do. */
export function refuseEarlyRefreshOfNever(
  { ttl, earlyRefresh }: { readonly ttl?: unknown; readonly earlyRefresh: unknown },
  path: string,
): void {
  if (earlyRefresh !== undefined && ttl === Infinity)
    throw new InvalidOptionError(
      path,
      "false, because entries with the ttl 'never' do not expire",
      earlyRefresh,
    )
}

function checkLoadTimeout(value: unknown, path: string): LoadTimeouts {
  const timeouts = readGroup(loadTimeoutOptions, value === undefined ? {} : value, path)
  const { soft, hard } = timeouts
  if (soft !== undefined && hard !== undefined && soft > hard)
    throw new InvalidOptionError(`${path}.soft`, `no longer than "${path}.hard"`, soft)
  return timeouts
}

const loadTimeoutOptions = {
  soft: durationOption(),
  hard: durationOption(),
}
type LoadTimeouts = CheckedOptions<typeof loadTimeoutOptions, unknown>

function checkEarlyRefresh(value: unknown, path: string): EarlyRefresh | undefined {
  if (value === undefined || value === false) return undefined
  return readGroup(earlyRefreshOptions, value === true ? {} : value, path)
}

const earlyRefreshOptions = {
  beta: numberOption({ min: 0 }, 1),
  share: numberOption({ min: 0, max: 1 }, 0.2),
}
type EarlyRefresh = CheckedOptions<typeof earlyRefreshOptions, unknown>
