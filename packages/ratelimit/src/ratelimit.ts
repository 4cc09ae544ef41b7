import {
  CacheError,
  InvalidOptionError,
  channels,
  parseDuration,
  type CacheClient,
  type Duration,
  type KeyPart,
} from '@cache/core'
import {
  checkClient,
  PendingReleases,
  beside,
  checkOptions,
  checkPrefix,
  createKeys,
  createToken,
  emit,
  type OptionChecks,
} from '@cache/core/internal'
import { DRIFT, type Clock } from './clock.js'
import { Decided, type Decision, type Facts, type Held, type Receipt } from './decision.js'
import { DenyCache } from './deny-cache.js'
import { inTime } from './in-time.js'
import { createOutage, type OnOutage, type Outage, type OutageAnswer } from './outage.js'
import type { Limit } from './policies.js'
import { Receipts, receiptSecretsOf, type ReceiptSecret } from './receipts.js'
import {
  decideScript,
  peekScript,
  refundScript,
  type LimitVerdict,
  type Verdict,
} from './scripts.js'
import { Slot, mayHaveRun, release } from './slot.js'
import { TokenLeases, type Spent } from './token-lease.js'

/**
 * Who is limited: a user's id, an address, or several parts of a key. Whatever users send is safe:
 * parts are escaped.
 */
export type Id = KeyPart | readonly KeyPart[]

export interface RateLimiterOptions {
  readonly client: CacheClient
  /** What the keys of this limiter begin with, behind the client's namespace. */
  readonly prefix: string
  /** Checked together and charged together, all or none. Each has a name of its own. */
  readonly limits: readonly Limit[]
  /**
   * How long a decision waits for Redis. Default 500 ms: more than a round trip takes anywhere. A
   * denial that comes later is still
   * remembered, and what was charged for a request that `onOutage` denied is given back.
   */
  readonly deadline?: Duration
  /**
   * What decides then: `'open'`, `'closed'`, or `{ local: share }`, each process its share of each
   * limit by itself. Default 'open'.
   */
  readonly onOutage?: OnOutage
  /**
   * Denials are remembered in the process, so that repeat offenders cost no round trip: of `max`
   * ids (default 10 000), for `maxAge` at most (default 1 s), after which refunds and resets by
   * other processes are heard of. `false`: not at all.
   */
  readonly denyCache?: false | { readonly max?: number; readonly maxAge?: Duration }
  /**
   * Takes so many tokens at a time and spends them in the process, one round trip for all of them.
   * They must be spent within `ttl` (default 250 ms), and count as if they were spent at its end.
   * Not with concurrency limits. Default: off.
   */
  readonly lease?: number | { readonly tokens: number; readonly ttl?: Duration }
  /** Decides and reports, and allows everything. Default false. */
  readonly shadow?: boolean
  /**
   * Secrets of at least 32 bytes that receipts are signed with, for those that leave the server and
   * come back: the first one signs, all of them are accepted. To change the secret, put the new one
   * first and keep the old one until its receipts are worth nothing any more. Default: receipts are
   * not signed, and must not leave the server.
   */
  readonly receiptSecrets?: readonly ReceiptSecret[]
}

export interface CostOptions {
  /**
   * What the request weighs: a whole number. Default 1. One of 0 is allowed and charged nothing;
   * one above a limit is denied, and never
   * `satisfiable`.
   */
  readonly cost?: number
}

export interface ReserveOptions extends CostOptions {
  /** Where it would have to wait longer, nothing is charged and it is denied. Default 1 m. */
  readonly maxWait?: Duration
}

export interface Reservation extends Decision {
  /** Ms to wait before what was reserved may be done. */
  readonly wait: number
}

/**
 * Decides on requests. Promises: all limits are checked and charged together, in one atomic step
 * and one round trip, and a denied request is charged nothing; the server's clock decides, never a
 * host's; each policy stays within its bound whoever asks from wherever; every key has a ttl; a
 * decision comes within the deadline, Redis up or down. Rejects only for a call that is wrong
 * (`InvalidKeyError`, `InvalidOptionError`).
 */
export interface RateLimiter {
  readonly prefix: string
  readonly limits: readonly Limit[]
  /** Charges the cost if all limits have it. */
  consume(id: Id, options?: CostOptions): Promise<Decision>
  /** What `consume` would say now; nothing is charged. */
  peek(id: Id, options?: CostOptions): Promise<Decision>
  /**
   * Charges as much as there is, up to `most`: `granted` says how much. Denied where there is
   * nothing.
   */
  consumeUpTo(id: Id, most: number): Promise<Decision>
  /**
   * Books the next turn, for calls that you make: `wait` says how long to wait for it. Not with
   * concurrency limits.
   */
  reserve(id: Id, options?: ReserveOptions): Promise<Reservation>
  /**
   * Gives back what a decision was charged, where it still counts; `false` where it does not any
   * more, or was given back before: whoever asks, and however often, it is given back once. A
   * bucket gets no more than has not come back by itself. Rejects when Redis does not answer, and
   * with `InvalidOptionError` for a receipt that is not one of this limiter, or is not as it was
   * signed (`receiptSecrets`).
   */
  refund(decision: Decision | Receipt): Promise<boolean>
  /**
   * Forgets what an id has consumed. Slots stay with who holds them. Rejects when Redis does not
   * answer.
   */
  reset(id: Id): Promise<void>
}

const options_ = [
  'client',
  'prefix',
  'limits',
  'deadline',
  'onOutage',
  'denyCache',
  'lease',
  'shadow',
  'receiptSecrets',
] as const

/**
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const limiter = createRateLimiter({ client, prefix: 'api', limits: [slidingWindow({ name: 'burst', limit: 10, window: '1s' })] })
 * const { allowed, retryAfter } = await limiter.consume('user:42')
 */
export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  return new Limiter(options, performance)
}

interface Ask {
  readonly min: number
  readonly max: number
  /** µs. */
  readonly hold?: number
  readonly patience?: number
}

interface Answer {
  readonly decision: Decided
  readonly verdict: Verdict
}

/** Of which tests make their own, with another clock. */
export class Limiter implements RateLimiter {
  readonly prefix: string
  readonly limits: readonly Limit[]
  readonly #client: CacheClient
  readonly #clock: Clock
  readonly #makeKey: (...parts: readonly KeyPart[]) => string
  readonly #arguments: readonly string[]
  readonly #suffixes: readonly string[]
  readonly #slots: readonly number[]
  readonly #slotTtls: readonly number[]
  readonly #most: number
  readonly #deadline: number
  readonly #outage: Outage
  readonly #denials: DenyCache | undefined
  readonly #leases: TokenLeases | undefined
  readonly #lease: { readonly tokens: number; readonly ttl: number } | undefined
  readonly #shadow: boolean
  readonly #receipts: Receipts
  readonly #pending = new PendingReleases()

  constructor(options: RateLimiterOptions, clock: Clock) {
    const check = checkOptions('createRateLimiter', options, options_)
    this.#client = checkClient(check)
    this.prefix = checkPrefix('prefix', options.prefix, this.#client.namespace)
    this.limits = limitsOf(check, options.limits)
    this.#clock = clock
    this.#makeKey = createKeys(this.#client.namespace, this.prefix)
    this.#arguments = this.limits.flatMap(({ script }) => script)
    this.#suffixes = this.limits.map(({ name, script }) => `:${name}:${script[0]}`)
    this.#slots = this.limits.flatMap(({ policy }, i) => (policy === 'concurrency' ? [i] : []))
    this.#slotTtls = this.#slots.map((i) => this.limits[i]!.window)
    this.#most = Math.min(...this.limits.map((_, i) => this.#mostOf(i)))
    this.#deadline = check.duration('deadline', 500)
    this.#outage = createOutage(check, options.onOutage, this.limits, clock)
    this.#denials =
      options.denyCache === false
        ? undefined
        : new DenyCache(this.limits, denyCacheOf(check), clock)
    this.#lease = check.has('lease')
      ? leaseOf(check, options.lease, this.#slots.length > 0)
      : undefined
    this.#leases = this.#lease && new TokenLeases(clock)
    this.#shadow = check.oneOf('shadow', [true, false], false)
    const secrets = receiptSecretsOf(check, options.receiptSecrets)
    this.#receipts = new Receipts({
      makeKey: this.#makeKey,
      limits: this.limits,
      most: this.#most,
      leases: this.#leases !== undefined,
      secrets,
    })
  }

  async consume(id: Id, { cost = 1 }: CostOptions = {}): Promise<Decision> {
    const key = this.#keyOf(id)
    checkCost('cost', cost)
    if (this.#isSpecial(cost)) return this.#tell(key, await this.#peek(key, cost))
    const denied = this.#denials?.get(key, cost)
    if (denied)
      return this.#tell(
        key,
        new Decided({ limits: this.limits, ...denied, source: 'cache', shadow: this.#shadow }),
      )
    if (this.#lease) return this.#consumeLeased(key, cost, this.#lease)
    return (await this.#ask(key, { min: cost, max: cost })).decision
  }

  async peek(id: Id, { cost = 1 }: CostOptions = {}): Promise<Decision> {
    const key = this.#keyOf(id)
    checkCost('cost', cost)
    return this.#peek(key, cost)
  }

  async consumeUpTo(id: Id, most: number): Promise<Decision> {
    const key = this.#keyOf(id)
    checkCost('most', most)
    if (most === 0) return this.#tell(key, await this.#peek(key, 0))
    const denied = this.#denials?.get(key, 1)
    if (denied)
      return this.#tell(
        key,
        new Decided({ limits: this.limits, ...denied, source: 'cache', shadow: this.#shadow }),
      )
    return (await this.#ask(key, { min: 1, max: Math.min(most, this.#most) })).decision
  }

  async reserve(id: Id, { cost = 1, maxWait = 60_000 }: ReserveOptions = {}): Promise<Reservation> {
    const key = this.#keyOf(id)
    checkCost('cost', cost)
    if (this.#slots.length > 0)
      throw new InvalidOptionError(
        'limits',
        'without concurrency limits for reserve(): nobody knows when a slot will be released',
        this.limits,
      )
    const patience = parseDuration(maxWait, 'maxWait') * 1_000
    if (this.#isSpecial(cost)) {
      const decision = this.#tell(key, await this.#peek(key, cost))
      return Object.assign(decision, { wait: decision.retryAfter })
    }
    const { decision, verdict } = await this.#ask(key, { min: cost, max: cost, patience })
    return Object.assign(decision, {
      wait: decision.allowed ? Math.ceil(verdict.wait / 1_000) : decision.retryAfter,
    })
  }

  async refund(decision: Decision | Receipt): Promise<boolean> {
    const isDecision = typeof decision === 'object' && decision !== null && 'receipt' in decision
    if (isDecision && decision.receipt === undefined) return false
    const { key, token, charged, at, marks } = this.#receipts.check(
      isDecision ? decision.receipt : decision,
    )
    if (marks.length === 0) {
      const back = this.#leases?.putBack(key, token, charged) ?? false
      if (back) this.#denials?.forget(key)
      return back
    }
    const args = [
      token,
      String(charged),
      String(at),
      createToken(),
      ...this.limits.flatMap(({ script }, i) => [...script, String(marks[i])]),
    ]
    return this.#changing(key, () =>
      this.#client.run(refundScript, [...this.#keys(key), `${beside(key)}:refund~${token}`], args),
    )
  }

  async reset(id: Id): Promise<void> {
    const key = this.#keyOf(id)
    this.#leases?.forget(key)
    const keys = this.#keys(key).filter((_, i) => !this.#slots.includes(i))
    if (keys.length > 0)
      await this.#changing(key, () => this.#client.send({ args: ['UNLINK', ...keys], keys }))
  }

  async #consumeLeased(
    key: string,
    cost: number,
    { tokens: n, ttl }: { readonly tokens: number; readonly ttl: number },
  ): Promise<Decision> {
    const since = performance.now()
    const left = (): number => Math.max(1, this.#deadline - (performance.now() - since))
    let asked: Decision | undefined
    const taken = await this.#leases!.take(key, cost, {
      ask: async () => {
        const sent = this.#clock.now()
        const { decision, verdict } = await this.#ask(
          key,
          { min: cost, max: Math.max(n, cost), hold: ttl * 1_000 },
          left(),
        )
        if (!decision.degraded && verdict.granted > cost)
          return {
            left: verdict.granted,
            until: sent + (verdict.hold / 1_000) * (1 - DRIFT),
            verdict,
            since: this.#clock.now(),
          }
        asked = decision // nothing to share
        return decision.degraded ? 'outage' : 'none'
      },
      inTime: (asking) =>
        inTime(asking, left(), () => undefined).catch((error: unknown) => {
          emit(channels.error, () => ({ operation: 'ratelimit', key, error }))
          return 'outage' as const
        }),
    })
    if (typeof taken !== 'string') return this.#spent(key, cost, taken)
    if (asked) return asked
    if (taken === 'none') return (await this.#ask(key, { min: cost, max: cost }, left())).decision
    // What went wrong has been reported.
    return this.#tell(
      key,
      new Decided({
        ...this.#outage.decide(key, cost, cost),
        source: 'outage',
        shadow: this.#shadow,
      }),
    )
  }

  #spent(key: string, cost: number, { tokens: { verdict, left, since }, token }: Spent): Decision {
    const limits = verdict.limits.map((limit) => ({ ...limit, available: limit.available + left }))
    const age = (this.#clock.now() - since) * 1_000
    const receipt = this.#receipts.make({ key, token, charged: cost, at: verdict.now, marks: [] })
    return this.#tell(
      key,
      new Decided({
        limits: this.limits,
        verdict: { ...verdict, granted: cost, limits },
        age,
        source: 'lease',
        receipt,
      }),
    )
  }

  /** What would be said; of a cost of 0, or above a limit, also what `consume` says. */
  async #peek(key: string, cost: number): Promise<Decided> {
    const { verdict, limits, source } = await this.#look(key, this.#isSpecial(cost) ? 1 : cost)
    const facts = { limits, source, shadow: this.#shadow, free: cost === 0 }
    if (!this.#isSpecial(cost)) return new Decided({ ...facts, verdict })
    const readyOf = (one: LimitVerdict, i: number): number =>
      cost === 0 ? 0 : cost > this.#mostOf(i) ? Infinity : one.ready
    return new Decided({
      ...facts,
      verdict: {
        ...verdict,
        granted: 0,
        limits: verdict.limits.map((one, i) => ({ ...one, ready: readyOf(one, i) })),
      },
    })
  }

  async #look(key: string, cost: number): Promise<Pick<Facts, 'verdict' | 'limits' | 'source'>> {
    try {
      const args = ['', String(cost), String(cost), '0', '0', ...this.#arguments]
      return {
        verdict: await this.#client.run(peekScript, this.#keys(key), args, {
          timeout: this.#deadline,
        }),
        limits: this.limits,
        source: 'redis',
      }
    } catch (error) {
      return {
        ...this.#withoutRedis('ratelimit peek', key, { min: cost, max: cost }, error, true),
        source: 'outage',
      }
    }
  }

  async #ask(key: string, ask: Ask, deadline = this.#deadline): Promise<Answer> {
    const { min, max, hold = 0, patience = 0 } = ask
    const token = createToken()
    const sent = this.#denials?.sending()
    const since = performance.now()
    const args = [
      token,
      String(min),
      String(max),
      String(hold),
      String(patience),
      ...this.#arguments,
    ]
    const run = this.#client.run(decideScript, this.#keys(key), args, {
      timeout: Math.max(this.#deadline, HEARD),
    })
    let verdict: Verdict
    try {
      verdict = await inTime(run, deadline, (late) => {
        if (late.granted === 0 && sent) this.#denials?.add(key, min, late, sent)
      })
    } catch (error) {
      const { verdict, limits, held } = this.#withoutRedis('ratelimit', key, ask, error)
      const decision = this.#tell(
        key,
        new Decided({ limits, verdict, source: 'outage', shadow: this.#shadow, held }),
      )
      if (mayHaveRun(error)) this.#settle(key, token, args, decision.allowed)
      return { decision, verdict }
    }
    if (verdict.granted > 0) this.#denials?.charged(key)
    else if (sent) this.#denials?.add(key, min, verdict, sent)
    const held =
      verdict.granted > 0 && this.#slots.length > 0 ? this.#hold(key, token, since) : undefined
    const receipt = verdict.granted > 0 ? this.#receiptOf(key, token, verdict) : undefined
    const decision = new Decided({
      limits: this.limits,
      verdict,
      source: 'redis',
      shadow: this.#shadow,
      receipt,
      held,
    })
    return { decision: this.#tell(key, decision), verdict }
  }

  /**
   * An attempt of which nothing is known may have been charged, or may be yet. For a request that
   * was allowed, that is right; of another it
   * is refunded, after it has been asked for once more, which charges nothing more. A slot is
   * released: nobody holds it.
   */
  #settle(key: string, token: string, args: readonly string[], allowed: boolean): void {
    if (allowed && this.#slots.length === 0) return
    const ttl = Math.max(...this.limits.map(({ window }) => window))
    const undo = async (): Promise<void> => {
      if (this.#slots.length > 0)
        await release({
          client: this.#client,
          keys: this.#slotKeys(key),
          ttls: this.#slotTtls,
          token,
          remembered: Math.min(ttl, MOST_REMEMBERED),
        })
      if (allowed) return
      const verdict = await this.#client.run(decideScript, this.#keys(key), args)
      if (verdict.granted > 0) await this.refund(this.#receiptOf(key, token, verdict))
    }
    this.#pending.add({ key, ttl, release: () => undo().catch(unlessClosed) })
  }

  #receiptOf(key: string, token: string, { granted, now, limits }: Verdict): Receipt {
    return this.#receipts.make({
      key,
      token,
      charged: granted,
      at: now,
      marks: limits.map(({ mark }) => mark),
    })
  }

  #withoutRedis(
    operation: string,
    key: string,
    { min, max }: Ask,
    error: unknown,
    peeking = false,
  ): OutageAnswer {
    if (!(error instanceof CacheError)) throw error
    emit(channels.error, () => ({ operation, key, error }))
    return this.#outage.decide(key, min, max, peeking)
  }

  #hold(key: string, token: string, since: number): Held {
    return new Slot({
      client: this.#client,
      keys: this.#slotKeys(key),
      ttls: this.#slotTtls,
      token,
      since,
      pending: this.#pending,
    })
  }

  /**
   * What this process knows of denials is wrong from the moment something is given back, and until
   * that was acknowledged may become so again.
   */
  async #changing<R>(key: string, change: () => Promise<R>): Promise<R> {
    this.#denials?.forget(key)
    try {
      return await change()
    } finally {
      this.#denials?.forget(key)
    }
  }

  #tell(key: string, decision: Decided): Decided {
    emit(channels.ratelimit, () => ({
      id: key,
      allowed: decision.violated.length === 0,
      degraded: decision.degraded,
    }))
    return decision
  }

  #keyOf(id: Id): string {
    return Array.isArray(id)
      ? this.#makeKey(...(id as readonly KeyPart[]))
      : this.#makeKey(id as KeyPart)
  }

  /** The states of an id's limits, all in one Cluster slot. */
  #keys(key: string): string[] {
    const base = beside(key)
    return this.#suffixes.map((suffix) => base + suffix)
  }

  #slotKeys(key: string): string[] {
    const keys = this.#keys(key)
    return this.#slots.map((i) => keys[i]!)
  }

  /** The most that a limit allows at once. A decision takes one slot, whatever its cost. */
  #mostOf(i: number): number {
    const { policy, limit } = this.limits[i]!
    return policy === 'concurrency' ? Number.MAX_SAFE_INTEGER : limit
  }

  #isSpecial(cost: number): boolean {
    return cost === 0 || cost > this.#most
  }
}

function checkCost(option: string, cost: number): void {
  if (!Number.isInteger(cost) || cost < 0)
    throw new InvalidOptionError(option, 'a whole number of at least 0', cost)
}

/** A client that is closed gives nothing back any more: Redis does, when it ends. */
function unlessClosed(error: unknown): void {
  if (!(error instanceof CacheError && error.code === 'CLOSED')) throw error
}

/** Ms for which a decision is listened for, where the deadline is shorter. */
const HEARD = 1_000
/** Ms for which a release is remembered of an attempt of which nothing is known, at most. */
const MOST_REMEMBERED = 600_000

function limitsOf(check: OptionChecks, limits: readonly Limit[]): readonly Limit[] {
  const fits =
    Array.isArray(limits) &&
    limits.length > 0 &&
    limits.every(
      (limit: Limit | undefined) => Array.isArray(limit?.script) && typeof limit?.name === 'string',
    )
  if (!fits)
    check.fail(
      'limits',
      'a non-empty array of what slidingWindow(…), slidingCounter(…), fixedWindow(…), tokenBucket(…), gcra(…) and concurrency(…) make',
    )
  if (new Set(limits.map(({ name }) => name)).size < limits.length)
    check.fail('limits', 'limits with a name of its own each')
  return [...limits]
}

function denyCacheOf(check: OptionChecks): { readonly max: number; readonly maxAge: number } {
  const own = check.nested('denyCache', ['max', 'maxAge'])
  return {
    max: own.number('max', { min: 1, max: 10_000_000, integer: true }, 10_000),
    maxAge: own.duration('maxAge', 1_000),
  }
}

function leaseOf(
  check: OptionChecks,
  lease: RateLimiterOptions['lease'],
  hasSlots: boolean,
): { readonly tokens: number; readonly ttl: number } {
  if (hasSlots)
    check.fail('lease', 'left out with concurrency limits: a slot belongs to one decision')
  if (typeof lease === 'number')
    return { tokens: check.number('lease', { min: 2, integer: true }), ttl: 250 }
  const own = check.nested('lease', ['tokens', 'ttl'])
  return { tokens: own.number('tokens', { min: 2, integer: true }), ttl: own.duration('ttl', 250) }
}
