import type { CacheClient } from '@cache/core'
import { beside, createToken } from '@cache/core/internal'
import type { Receipt } from './decision.js'
import {
  decideArgs,
  limitScripts,
  type LimitScripts,
  type RequestedCost,
  type Verdict,
} from './limit-scripts.js'
import { releaseSlots, type SlotSet } from './held-slots.js'
import type { RequestLimits } from './request-limits.js'
import { blockScript } from './scripts.js'

/** What a request asks for. */
export interface DecideRequest extends RequestedCost {
  readonly limits: RequestLimits
}

/** One attempt to get a decision. It can be sent twice: the second time it is charged nothing. */
export interface Attempt {
  readonly key: string
  /** Identifies the attempt. */
  readonly token: string
  readonly limits: RequestLimits
  readonly args: readonly string[]
}

/** The states of an id's limits in Redis: the names of their keys, and the calls that use them. */
export class LimitStates {
  /** The limiter's own limits. */
  readonly #own: RequestLimits
  readonly #client: CacheClient
  readonly #scripts: LimitScripts
  readonly #suffixes: readonly string[]
  /** The indexes of the concurrency limits. */
  readonly #slotIndexes: readonly number[]

  constructor(client: CacheClient, own: RequestLimits) {
    const { limits } = own
    this.#own = own
    this.#client = client
    this.#scripts = limitScripts(limits)
    this.#suffixes = limits.map(({ name, script }) => `:${name}:${script[0]}`)
    this.#slotIndexes = limits.flatMap(({ policy }, i) => (policy === 'concurrency' ? [i] : []))
  }

  get hasSlots(): boolean {
    return this.#slotIndexes.length > 0
  }

  /** Whether `reset` has anything to delete. */
  get canReset(): boolean {
    return this.#slotIndexes.length < this.#suffixes.length
  }

  createAttempt(key: string, request: DecideRequest): Attempt {
    const { limits } = request
    const token = createToken()
    return { key, token, limits, args: decideArgs(token, request, limits.args) }
  }

  decide({ key, args }: Attempt, options?: { readonly timeout: number }): Promise<Verdict> {
    return this.#client.run(this.#scripts.decide, this.#keys(key), args, options)
  }

  peek(key: string, cost: number, limits: RequestLimits, timeout: number): Promise<Verdict> {
    const args = decideArgs('', { minCost: cost, maxCost: cost }, limits.args)
    return this.#client.run(this.#scripts.peek, this.#keys(key), args, { timeout })
  }

  refund({ key, token, charged, at, marks, rates }: Receipt): Promise<boolean> {
    const args = [
      token,
      String(charged),
      String(at),
      createToken(),
      ...this.#own.limits.flatMap(({ script: [kind, limit, a, b] }, i) => [
        kind,
        limit,
        rates ? String(rates[2 * i]) : a,
        rates ? String(rates[2 * i + 1]) : b,
        String(marks[i]),
      ]),
    ]
    const keys = [...this.#keys(key), `${beside(key)}:refund~${token}`]
    return this.#client.run(this.#scripts.refund, keys, args)
  }

  /** Deletes all states but those of concurrency limits. */
  async reset(key: string): Promise<void> {
    const keys = this.#keys(key).filter((_, i) => !this.#slotIndexes.includes(i))
    await this.#client.send({ args: ['UNLINK', ...keys], keys })
  }

  /** Blocks an id for so many milliseconds; 0 ends its block. */
  async block(key: string, ms: number): Promise<void> {
    await this.#client.run(blockScript, [`${beside(key)}:block`], [String(ms * 1_000)])
  }

  /** The slots that an attempt takes. */
  slotsOf({ key, token }: Attempt): SlotSet {
    const keys = this.#keys(key)
    return {
      client: this.#client,
      keys: this.#slotIndexes.map((i) => keys[i]!),
      ttls: this.#slotIndexes.map((i) => this.#own.limits[i]!.window),
      token,
    }
  }

  async releaseSlots(attempt: Attempt, rememberFor: number): Promise<void> {
    if (this.hasSlots) await releaseSlots(this.slotsOf(attempt), rememberFor)
  }

  /** The keys of an id's states, all in one Cluster slot. */
  #keys(key: string): string[] {
    const base = beside(key)
    return this.#suffixes.map((suffix) => base + suffix)
  }
}
