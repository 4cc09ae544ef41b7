import type { Decision } from '../decision.js'
import type { Limit } from '../policies.js'
import { checkOptions } from '@cache/core/internal'

export interface HeadersOptions {
  /**
   * `'draft-10'`: `RateLimit` and `RateLimit-Policy` with a member for each limit. `'draft-7'`: the
   * same names, for the limit that has the least left. `'legacy'`: `X-RateLimit-Limit`,
   * `-Remaining` and `-Reset`, the time in seconds since 1970. Default 'draft-10'.
   */
  readonly style?: HeaderStyle
  /** The limiter's `limits`: with them the headers say the policies too. */
  readonly limits?: readonly Limit[]
}

export type HeaderStyle = 'draft-10' | 'draft-7' | 'legacy'

/**
 * The headers of a response. Denied requests get `Retry-After` as well, unless they can never be
 * admitted. Of a degraded decision nothing is said but that: what is left is not
 * known.
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
  const check = checkOptions('rateLimitHeaders', options, ['style', 'limits'])
  const style = check.oneOf('style', ['draft-10', 'draft-7', 'legacy'], 'draft-10')
  const retry: Record<string, string> =
    decision.violated.length > 0 && !decision.allowed && decision.satisfiable
      ? { 'Retry-After': String(seconds(decision.retryAfter)) }
      : {}
  if (decision.degraded) return retry
  return { ...STYLES[style](decision, options.limits), ...retry }
}

type Style = (decision: Decision, limits: readonly Limit[] | undefined) => Record<string, string>

const STYLES: Record<HeaderStyle, Style> = {
  'draft-10': (decision, limits) => ({
    ...(limits && {
      'RateLimit-Policy': limits
        .map(
          (limit) =>
            `"${limit.name}";q=${limit.limit}${limit.policy === 'concurrency' ? ';qu="concurrent-requests"' : `;w=${seconds(limit.window)}`}`,
        )
        .join(', '),
    }),
    RateLimit: decision.limits
      .map(({ name, remaining, resetAfter }) => `"${name}";r=${remaining};t=${seconds(resetAfter)}`)
      .join(', '),
  }),

  'draft-7': (decision, limits) => {
    const { limit, remaining, resetAfter, at } = tightest(decision)
    const policy = limits?.[at]
    return {
      ...(policy && { 'RateLimit-Policy': `${policy.limit};w=${seconds(policy.window)}` }),
      RateLimit: `limit=${limit}, remaining=${remaining}, reset=${seconds(resetAfter)}`,
    }
  },

  legacy: (decision) => {
    const { limit, remaining, resetAfter } = tightest(decision)
    // The time of day, which clients compare with their own, as they do with Date.
    return {
      'X-RateLimit-Limit': String(limit),
      'X-RateLimit-Remaining': String(remaining),
      'X-RateLimit-Reset': String(seconds(new Date().getTime() + resetAfter)),
    }
  },
}

/** The limit that is in the way for longest; where none is, the one that has the least left. */
function tightest({ limits }: Decision): Decision['limits'][0] & { readonly at: number } {
  let at = 0
  for (let i = 1; i < limits.length; i++) {
    const [one, best] = [limits[i]!, limits[at]!]
    if (
      one.retryAfter > best.retryAfter ||
      (one.retryAfter === best.retryAfter && one.remaining < best.remaining)
    )
      at = i
  }
  return { ...limits[at]!, at }
}

/** Whole seconds, rounded up: after them it is so. */
function seconds(ms: number): number {
  return Math.ceil(ms / 1_000)
}
