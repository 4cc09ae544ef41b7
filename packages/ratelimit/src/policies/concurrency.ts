import type { Duration } from '@cache/core'
import { inPart, readOptions, type OptionTable } from '@cache/core/internal'
import { lengthOption, policyName, positiveInteger } from './checks.js'
import type { Limit } from './limit.js'

export interface ConcurrencyOptions {
  /**
   * The name in decisions, headers and keys: 1 to 64 of the characters `A-Z a-z 0-9 _ . -`. Default
   * `'concurrency'`. A limit that gets another name begins anew.
   */
  readonly name?: string
  /** The number of slots that can be held at once. */
  readonly limit: number
  /**
   * The time after which a slot expires if its holder does not renew it, because it crashed or lost
   * Redis. A slot is renewed after each third of it.
   */
  readonly ttl: Duration
}

/**
 * A limit on concurrent requests (a distributed semaphore). Each allowed request holds a slot until
 * it is released. A decision takes one slot, whatever its cost.
 *
 * Bound: at most `limit` slots are held at once, also after a crash. A holder that cannot renew in
 * time learns it from the decision's `signal`, before its slot goes to another request.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const exports = createRateLimiter({
 *   client,
 *   prefix: 'export',
 *   limits: [concurrency({ name: 'running', limit: 3, ttl: '10s' })],
 * })
 * await using decision = await exports.consume('user:42')
 */
export function concurrency(options: ConcurrencyOptions): Limit {
  return inPart('concurrency', () => {
    const { name, limit, ttl: window } = readOptions('concurrency', concurrencyOptions, options)
    return {
      policy: 'concurrency',
      name,
      limit,
      window,
      script: ['slots', String(limit), String(window * 1_000), '0'],
    }
  })
}

const concurrencyOptions = {
  name: policyName('concurrency'),
  limit: positiveInteger,
  ttl: lengthOption,
} satisfies OptionTable<ConcurrencyOptions>
