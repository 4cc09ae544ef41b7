import { InvalidOptionError } from '@cache/core'
import { limitArg } from './limit-scripts.js'
import type { Limit } from './policies/limit.js'

/** The limits that one request must pass, and what the scripts get to know of them. */
export interface RequestLimits {
  readonly limits: readonly Limit[]
  /** The arguments of the decide script that describe the limits, one for each. */
  readonly args: readonly string[]
  /** Differs if the limits differ in any number. */
  readonly fingerprint: string
  /** The highest cost that all limits can admit at once. */
  readonly maxCost: number
  /**
   * For receipts, if these are not the limiter's own limits: two numbers of the script for each
   * limit. A bucket needs the rate of a charge to refund it.
   */
  readonly rates: readonly number[] | undefined
}

/**
 * Resolves the limits of requests. A request can have other limits than those of the limiter, such
 * as the limits of its customer's plan, as long as they can use the same states in Redis.
 */
export class RequestLimitsResolver {
  /** The limiter's own limits. */
  readonly own: RequestLimits
  /** Plans are usually constants, so that each is checked once. */
  readonly #resolved = new WeakMap<readonly Limit[], RequestLimits>()

  constructor(limits: readonly Limit[]) {
    this.own = describeLimits(limits, undefined)
  }

  /**
   * Returns the limits of a request, or the limiter's own if they are undefined.
   *
   * @throws {InvalidOptionError} naming `limits`, if they cannot take the place of the limiter's.
   */
  resolve(limits: readonly Limit[] | undefined): RequestLimits {
    if (limits === undefined) return this.own
    const known = Array.isArray(limits) ? this.#resolved.get(limits) : undefined
    if (known) return known
    const own = this.own.limits
    const fits =
      Array.isArray(limits) &&
      limits.length === own.length &&
      limits.every((limit: Limit | undefined, i) => canReplace(limit, own[i]!))
    if (!fits)
      throw new InvalidOptionError(
        'limits',
        'an array of limits with the names, the policies and (except for buckets) the windows of ' +
          "the limiter's, in its order: " +
          own.map(({ policy, name }) => `${policy} "${name}"`).join(', '),
        limits,
      )
    const copy = limits.map((limit) => ({ ...limit }))
    const resolved = describeLimits(
      copy,
      copy.flatMap(({ script }) => [Number(script[2]), Number(script[3])]),
    )
    this.#resolved.set(limits, resolved)
    return resolved
  }
}

/**
 * Returns the highest cost that one limit can admit at once. A decision takes one slot of a
 * concurrency limit, whatever its cost.
 */
export function maxCostOf({ policy, limit }: Limit): number {
  return policy === 'concurrency' ? Number.MAX_SAFE_INTEGER : limit
}

function describeLimits(
  limits: readonly Limit[],
  rates: readonly number[] | undefined,
): RequestLimits {
  const args = limits.map(limitArg)
  const fingerprint = args.join(' ')
  return { limits, args, fingerprint, maxCost: Math.min(...limits.map(maxCostOf)), rates }
}

/** Returns whether a limit can use the state of another one. */
function canReplace(limit: Limit | undefined, own: Limit): boolean {
  return (
    Array.isArray(limit?.script) &&
    limit.name === own.name &&
    limit.policy === own.policy &&
    (own.script[0] === 'bucket' || limit.window === own.window)
  )
}
