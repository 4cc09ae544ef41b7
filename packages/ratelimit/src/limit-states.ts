import type { CacheClient } from '@cache/core'
import { beside, createToken } from '@cache/core/internal'
import type { Receipt } from './decision.js'
import { releaseSlots, type SlotSet } from './held-slots.js'
import type { Limit } from './policies.js'
import { decideScript, peekScript, refundScript, type Verdict } from './scripts.js'

/** What a request asks for. */
export interface DecideRequest {
  readonly minCost: number
  /** As much as is available is granted, between `minCost` and `maxCost`. */
  readonly maxCost: number
  /** The microseconds within which the granted tokens are spent. Default 0: at once. */
  readonly spendWithin?: number
  /** The microseconds that the request can wait for its turn. Default 0. */
  readonly maxWait?: number
}

/** One attempt to get a decision. It can be sent twice: the second time it is charged nothing. */
export interface Attempt {
  readonly key: string
  /** Identifies the attempt. */
  readonly token: string
  readonly args: readonly string[]
}

/** The states of an id's limits in Redis: the names of their keys, and the calls that use them. */
export class LimitStates {
  readonly limits: readonly Limit[]
  /** The highest cost that all limits can admit at once. */
  readonly maxCost: number
  readonly #client: CacheClient
  readonly #suffixes: readonly string[]
  /** The arguments of the scripts that describe the limits. */
  readonly #limitArgs: readonly string[]
  /** The indexes of the concurrency limits. */
  readonly #slotIndexes: readonly number[]

  constructor(client: CacheClient, limits: readonly Limit[]) {
    this.limits = limits
    this.#client = client
    this.#suffixes = limits.map(({ name, script }) => `:${name}:${script[0]}`)
    this.#limitArgs = limits.flatMap(({ script }) => script)
    this.#slotIndexes = limits.flatMap(({ policy }, i) => (policy === 'concurrency' ? [i] : []))
    this.maxCost = Math.min(...limits.map((_, i) => this.maxCostOf(i)))
  }

  get hasSlots(): boolean {
    return this.#slotIndexes.length > 0
  }

  /** Whether `reset` has anything to delete. */
  get canReset(): boolean {
    return this.#slotIndexes.length < this.limits.length
  }

  /**
   * The highest cost that one limit can admit at once. A decision takes one slot of a concurrency
   * limit, whatever its cost.
   */
  maxCostOf(i: number): number {
    const { policy, limit } = this.limits[i]!
    return policy === 'concurrency' ? Number.MAX_SAFE_INTEGER : limit
  }

  createAttempt(key: string, request: DecideRequest): Attempt {
    const { minCost, maxCost, spendWithin = 0, maxWait = 0 } = request
    const token = createToken()
    const numbers = [minCost, maxCost, spendWithin, maxWait].map(String)
    return { key, token, args: [token, ...numbers, ...this.#limitArgs] }
  }

  decide({ key, args }: Attempt, options?: { readonly timeout: number }): Promise<Verdict> {
    return this.#client.run(decideScript, this.#keys(key), args, options)
  }

  peek(key: string, cost: number, timeout: number): Promise<Verdict> {
    const args = ['', String(cost), String(cost), '0', '0', ...this.#limitArgs]
    return this.#client.run(peekScript, this.#keys(key), args, { timeout })
  }

  refund({ key, token, charged, at, marks }: Receipt): Promise<boolean> {
    const args = [
      token,
      String(charged),
      String(at),
      createToken(),
      ...this.limits.flatMap(({ script }, i) => [...script, String(marks[i])]),
    ]
    const keys = [...this.#keys(key), `${beside(key)}:refund~${token}`]
    return this.#client.run(refundScript, keys, args)
  }

  /** Deletes all states but those of concurrency limits. */
  async reset(key: string): Promise<void> {
    const keys = this.#keys(key).filter((_, i) => !this.#slotIndexes.includes(i))
    await this.#client.send({ args: ['UNLINK', ...keys], keys })
  }

  /** The slots that an attempt takes. */
  slotsOf({ key, token }: Attempt): SlotSet {
    const keys = this.#keys(key)
    return {
      client: this.#client,
      keys: this.#slotIndexes.map((i) => keys[i]!),
      ttls: this.#slotIndexes.map((i) => this.limits[i]!.window),
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
