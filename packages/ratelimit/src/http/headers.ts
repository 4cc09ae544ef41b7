import { choiceOption, givenOption, readOptions, type OptionTable } from '@cache/core/internal'
import type { Decision } from '../decision.js'
import type { Limit } from '../policies/limit.js'

export interface HeadersOptions {
  /**
   * The form of the headers. Default 'draft-10'.
   *
   * - `'draft-10'`: `RateLimit` and `RateLimit-Policy`, with a member for each limit.
   * - `'draft-7'`: the same names, for the limit with the least left.
   * - `'legacy'`: `X-RateLimit-Limit`, `-Remaining` and `-Reset`, a time in seconds since 1970.
   */
  readonly style?: HeaderStyle
  /**
   * The limits of the request: the limiter's `limits`, or those that were passed to `consume`. With
   * them the headers describe the policies too.
   */
  readonly limits?: readonly Limit[]
}

/** The rows of `HeadersOptions`. */
const headersOptions = {
  style: choiceOption(['draft-10', 'draft-7', 'legacy'], 'draft-10'),
  limits: givenOption(),
} satisfies OptionTable<HeadersOptions>

export type HeaderStyle = 'draft-10' | 'draft-7' | 'legacy'

/**
 * Returns the rate limit headers of a response. A denied request also gets `Retry-After`, unless it
 * can never be admitted. A degraded decision gets only `Retry-After`, because the state of its
 * limits is unknown. A decision of an allow or deny list gets none.
 *
 * Source: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/10/, structured
 * fields (RFC 9651); draft 07 of it; RFC 9110, §10.2.3.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * rateLimitHeaders(decision, { limits: limiter.limits })
 * // { 'RateLimit-Policy': '"burst";q=10;w=1', RateLimit: '"burst";r=7;t=1' }
 */
export function rateLimitHeaders(
  decision: Decision,
  options: HeadersOptions = {},
): Record<string, string> {
  const { style, limits } = readOptions('rateLimitHeaders', headersOptions, options)
  const retry: Record<string, string> =
    isRefused(decision) && decision.satisfiable
      ? { 'Retry-After': String(toSeconds(decision.retryAfter)) }
      : {}
  if (decision.degraded || decision.source === 'list') return retry
  return { ...headersByStyle[style](decision, limits), ...retry }
}

/** Returns whether limits or a block deny the request, and not only report that they would. */
function isRefused({ allowed, violated, blockedFor }: Decision): boolean {
  return !allowed && (violated.length > 0 || blockedFor > 0)
}

type HeadersOf = (
  decision: Decision,
  limits: readonly Limit[] | undefined,
) => Record<string, string>

const headersByStyle: Record<HeaderStyle, HeadersOf> = {
  'draft-10': (decision, limits) => ({
    ...(limits && { 'RateLimit-Policy': limits.map(policyMember).join(', ') }),
    RateLimit: decision.limits
      .map(
        ({ name, remaining, resetAfter }) => `"${name}";r=${remaining};t=${toSeconds(resetAfter)}`,
      )
      .join(', '),
  }),

  'draft-7': (decision, limits) => {
    const { limit, remaining, resetAfter, index } = tightestLimit(decision)
    const policy = limits?.[index]
    return {
      ...(policy && { 'RateLimit-Policy': `${policy.limit};w=${toSeconds(policy.window)}` }),
      RateLimit: `limit=${limit}, remaining=${remaining}, reset=${toSeconds(resetAfter)}`,
    }
  },

  legacy: (decision) => {
    const { limit, remaining, resetAfter } = tightestLimit(decision)
    // Clients compare the time of day with their own clock, as they do with the header Date.
    return {
      'X-RateLimit-Limit': String(limit),
      'X-RateLimit-Remaining': String(remaining),
      'X-RateLimit-Reset': String(toSeconds(new Date().getTime() + resetAfter)),
    }
  },
}

function policyMember({ name, limit, policy, window }: Limit): string {
  const unit = policy === 'concurrency' ? 'qu="concurrent-requests"' : `w=${toSeconds(window)}`
  return `"${name}";q=${limit};${unit}`
}

/**
 * Returns the limit that denies the request for longest. If no limit denies it, returns the one
 * with the least left.
 */
function tightestLimit({ limits }: Decision): Decision['limits'][0] & { readonly index: number } {
  let index = 0
  for (let i = 1; i < limits.length; i++) {
    const [limit, tightest] = [limits[i]!, limits[index]!]
    if (
      limit.retryAfter > tightest.retryAfter ||
      (limit.retryAfter === tightest.retryAfter && limit.remaining < tightest.remaining)
    )
      index = i
  }
  return { ...limits[index]!, index }
}

/** Rounds up, so that a client who waits for the result does not come too early. */
function toSeconds(ms: number): number {
  return Math.ceil(ms / 1_000)
}
