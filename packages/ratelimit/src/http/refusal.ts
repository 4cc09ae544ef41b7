import type { Decision } from '../decision.js'
import type { Limit } from '../policies/limit.js'
import { rateLimitHeaders, type HeaderStyle } from './headers.js'

/** The response to a denied request. */
export interface Refusal {
  readonly status: 403 | 429 | 503
  readonly headers: Readonly<Record<string, string>>
  /** JSON. */
  readonly body: string
}

/**
 * Returns the response to a denied request: status 429, the rate limit headers, and a body of
 * `application/problem+json` that names the violated limits. The status is 503 if Redis did not
 * answer and `onOutage` denied the request, because the client has not exceeded anything. It is 403
 * if the id is on the deny list, and 429 with the type `abnormal-usage-detected` if it is blocked.
 *
 * Source: RFC 9457; problem types of
 * https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/10/, §5.
 *
 * @example
 * const { status, headers, body } = refusal(decision)
 * response.writeHead(status, headers).end(body)
 */
export function refusal(
  decision: Decision,
  options: { readonly style?: HeaderStyle; readonly limits?: readonly Limit[] } = {},
): Refusal {
  const headers = {
    ...rateLimitHeaders(decision, options),
    'Content-Type': 'application/problem+json',
  }
  if (decision.blockedFor === Infinity)
    return {
      status: 403,
      headers,
      body: JSON.stringify({ type: 'about:blank', title: 'Forbidden', status: 403 }),
    }
  if (decision.blockedFor > 0)
    return {
      status: 429,
      headers,
      body: JSON.stringify({
        type: `${PROBLEM_TYPES}abnormal-usage-detected`,
        title: 'Request not satisfied due to detection of abnormal request pattern',
        status: 429,
        'violated-policies': decision.violated,
      }),
    }
  if (decision.degraded) {
    return {
      status: 503,
      headers,
      body: JSON.stringify({
        type: `${PROBLEM_TYPES}temporary-reduced-capacity`,
        title: 'Request cannot be satisfied for now: its quota is not known',
        status: 503,
      }),
    }
  }
  return {
    status: 429,
    headers,
    body: JSON.stringify({
      type: `${PROBLEM_TYPES}quota-exceeded`,
      title: 'Request cannot be satisfied as assigned quota has been exceeded',
      status: 429,
      'violated-policies': decision.violated,
    }),
  }
}

const PROBLEM_TYPES = 'https://iana.org/assignments/http-problem-types#'
