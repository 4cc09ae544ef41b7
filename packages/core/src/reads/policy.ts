import type { Codec } from '../codecs/codec.js'
import { jittered, parseDuration, type Duration } from '../util/duration.js'
import type { Entry } from '../entries/entry.js'
import { createFormat, type Format, type Meta } from '../entries/format.js'
import type { OptionChecks } from '../util/options.js'
import type { Schema } from '../codecs/schema.js'
import type { Size } from '../util/size.js'

/**
 * How values are loaded, how long they are fresh, and what becomes of them then. Shared by every
 * pattern that reads through.
 */
export interface LoadPolicyOptions<T> {
  /** How long an entry is fresh; or a function of the value. */
  readonly ttl: Duration | ((value: T) => Duration)
  /**
   * The share by which each ttl varies at random, so that entries written together don't expire
   * together: 0.1 is ±10 %. Default 0.
   */
  readonly jitter?: number
  /** How values become bytes. Default `json`. */
  readonly codec?: Codec<T>
  /**
   * Any Standard Schema (zod, valibot, arktype). An entry that does not fit is a miss, and is
   * reported on `cache:error`.
   */
  readonly schema?: Schema<T>
  /** The most bytes an entry may have, on the way in and out. Default '8mb'. */
  readonly maxValueBytes?: Size
  /**
   * How long "there is none" (`null` or `undefined` from the loader) is remembered. Default: not at
   * all.
   */
  readonly negativeTtl?: Duration
  /**
   * How long, jittered, later callers of this process get a loader's error again without a new
   * load. Default: not at all.
   */
  readonly errorTtl?: Duration
  /** Which errors `errorTtl` does not keep. Default: it keeps all. */
  readonly retryOn?: (error: unknown) => boolean
  /**
   * How long after its ttl an entry is still served, while one caller anywhere reloads it in the
   * background. Source: RFC 5861, §3.
   */
  readonly staleWhileRevalidate?: Duration
  /** How long after that it is still served when the loader throws. Source: RFC 5861, §4. */
  readonly staleIfError?: Duration
  /**
   * Reload in the background before expiry, with a probability that rises towards it: `true`, or
   * its `beta` (default 1; more is earlier) and the `share` of the ttl in which it may happen
   * (default 0.2). Source: Vattani et al., VLDB '15.
   */
  readonly earlyRefresh?: boolean | { readonly beta?: number; readonly share?: number }
  /**
   * Who loads a cold key: `'lease'`, one caller among all processes; `'process'`, one in each;
   * `'off'`, everyone. Default 'lease'.
   */
  readonly stampede?: 'lease' | 'process' | 'off'
  /**
   * How long a caller waits for another process' load before it loads for itself, without filling.
   * Default 2 s.
   */
  readonly waitFor?: Duration
  /**
   * How long the one that loads keeps the others waiting, if it dies or hangs. Callers of one
   * process join a load for so long, and its lease is renewed meanwhile; then the next one loads
   * anew. The leases of one load of many keys are renewed for up to ten times as long, but past
   * the first `leaseTtl` whoever asks for a key loads it anew.
   * Default 10 s, or `loadTimeout.hard` and a second if that is more.
   */
  readonly leaseTtl?: Duration
  /**
   * Past `soft`, a stale value is served if there is one, the load going on; past `hard`, its
   * signal aborts and callers get `LoadTimeoutError`.
   */
  readonly loadTimeout?: { readonly soft?: Duration; readonly hard?: Duration }
  /**
   * Told of each reload in the background, as a promise that never rejects: give it what keeps a
   * serverless function alive (Vercel's `waitUntil`, Next's `after`).
   */
  readonly waitUntil?: (work: Promise<unknown>) => void
  /**
   * An ever-growing number of the value, from its row: a newer one is never overwritten by an older
   * one.
   */
  readonly version?: (value: T) => number
}

/** The names of these options, for `checkOptions`. */
export const loadPolicyOptions = [
  'ttl',
  'jitter',
  'codec',
  'schema',
  'maxValueBytes',
  'negativeTtl',
  'errorTtl',
  'retryOn',
  'staleWhileRevalidate',
  'staleIfError',
  'earlyRefresh',
  'stampede',
  'waitFor',
  'leaseTtl',
  'loadTimeout',
  'waitUntil',
  'version',
] as const

/** What to send along with a value. */
export interface StoreOptions {
  readonly ttl: number
  readonly meta?: Meta
}

/**
 * What a read does where Redis does not answer: loads from the source, or rejects, where that may
 * not have what was written.
 */
export type InOutage = 'load' | 'reject'

/**
 * `LoadPolicyOptions`, checked, with their defaults: what a `ReadPath` goes by. For packages of
 * patterns.
 */
export class LoadPolicy<T> {
  readonly format: Format<T>
  readonly inOutage: InOutage
  readonly errorTtl: number | undefined
  readonly retryOn: (error: unknown) => boolean
  readonly stampede: 'lease' | 'process' | 'off'
  readonly waitFor: number
  readonly leaseTtl: number
  readonly soft: number | undefined
  readonly hard: number | undefined
  /**
   * An entry with no more than this to live is stale. 0 where none ever is: Redis drops it as it
   * expires.
   */
  readonly staleBelow: number
  /** Whether reads need to know what an entry has left to live. */
  readonly needsLife: boolean
  readonly waitUntil: ((work: Promise<unknown>) => void) | undefined
  readonly #staleIfError: number
  readonly #ttl: number | ((value: T) => Duration)
  readonly #negativeTtl: number | undefined
  readonly #jitter: number
  readonly #early: { readonly beta: number; readonly share: number } | undefined
  readonly #version: ((value: T) => number) | undefined

  constructor(check: OptionChecks, options: LoadPolicyOptions<T>, inOutage: InOutage = 'load') {
    this.inOutage = inOutage
    const timeouts = check.nested('loadTimeout', ['soft', 'hard'])
    this.#ttl = typeof options.ttl === 'function' ? options.ttl : check.duration('ttl')
    this.#jitter = check.number('jitter', { min: 0, max: 1 }, 0)
    this.#negativeTtl = check.duration('negativeTtl', undefined)
    this.#version = check.function('version')
    this.#early = earlyRefresh(check, options.earlyRefresh)
    this.errorTtl = check.duration('errorTtl', undefined)
    this.retryOn = check.function<(error: unknown) => boolean>('retryOn') ?? (() => false)
    this.stampede = check.oneOf('stampede', ['lease', 'process', 'off'], 'lease')
    this.waitUntil = check.function('waitUntil')
    this.waitFor = check.duration('waitFor', 2_000)
    this.soft = timeouts.duration('soft', undefined)
    this.hard = timeouts.duration('hard', undefined)
    if (this.soft !== undefined && this.hard !== undefined && this.soft > this.hard)
      timeouts.fail('soft', 'no longer than "loadTimeout.hard"')
    this.leaseTtl = check.duration('leaseTtl', Math.max(10_000, (this.hard ?? 0) + 1_000))
    this.#staleIfError = check.duration('staleIfError', 0)
    this.staleBelow = check.duration('staleWhileRevalidate', 0) + this.#staleIfError
    this.needsLife = this.staleBelow > 0 || this.#early !== undefined
    const { codec, schema, maxValueBytes } = options
    this.format = createFormat<T>({ codec, schema, maxValueBytes })
  }

  /**
   * `'early'`: fresh, and yet to be reloaded in the background. `'servable'`: stale, to be served
   * while it is reloaded. `'spare'`: to be served only if the loader throws.
   */
  freshness({
    life = Infinity,
    computeTime,
    value,
    absent,
  }: Entry<T>): 'fresh' | 'early' | 'servable' | 'spare' {
    if (life <= this.staleBelow) return life > this.#staleIfError ? 'servable' : 'spare'
    if (!this.#early || computeTime === undefined) return 'fresh'
    return this.#isEarly(life - this.staleBelow, computeTime, this.#freshFor(value, absent))
      ? 'early'
      : 'fresh'
  }

  #isEarly(left: number, computeTime: number, freshFor: number | undefined): boolean {
    const { beta, share } = this.#early!
    const gap = -Math.log(1 - Math.random()) * computeTime * beta
    return freshFor !== undefined && left <= Math.min(gap, share * freshFor)
  }

  #freshFor(value: T, absent: boolean): number | undefined {
    if (absent) return this.#negativeTtl
    return typeof this.#ttl === 'function' ? parseDuration(this.#ttl(value), 'ttl') : this.#ttl
  }

  /** How to store a value; `undefined`: not at all. */
  storing(
    value: T | null | undefined,
    { ttl, computeTime }: { readonly ttl?: number | undefined; readonly computeTime?: number },
  ): StoreOptions | undefined {
    const absent = value === null || value === undefined
    const freshFor = ttl ?? this.#freshFor(value as T, absent)
    if (freshFor === undefined) return undefined
    const meta: Meta = {
      ...(this.#version && !absent && { version: this.#version(value) }),
      ...(this.#early && computeTime !== undefined && { computeTime: Math.ceil(computeTime) }),
    }
    return { ttl: jittered(freshFor, this.#jitter) + this.staleBelow, meta }
  }
}

function earlyRefresh(
  check: OptionChecks,
  option: LoadPolicyOptions<never>['earlyRefresh'],
): { beta: number; share: number } | undefined {
  if (option === undefined || option === false) return undefined
  if (option === true) return { beta: 1, share: 0.2 }
  const own = check.nested('earlyRefresh', ['beta', 'share'])
  return {
    beta: own.number('beta', { min: 0 }, 1),
    share: own.number('share', { min: 0, max: 1 }, 0.2),
  }
}
