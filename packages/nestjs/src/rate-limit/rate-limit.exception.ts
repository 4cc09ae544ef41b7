import type { Decision } from '@cache/ratelimit'
import type { HttpRefusal } from '@cache/ratelimit/guard'
import { HttpException } from '@nestjs/common'

/**
 * Thrown by `RateLimitGuard` for a denied request: with the status 429, 403 if the id is on a deny
 * list, or 503 if Redis does not answer and `onOutage` denies. An exception filter can catch it.
 * The headers of the response have been set.
 */
export class RateLimitException extends HttpException {
  /** The decision of the limiter. */
  readonly decision: Decision

  constructor(decision: Decision, { status, body }: HttpRefusal) {
    super(parsed(body), status)
    this.decision = decision
  }
}

function parsed(body: string): string | Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : body
  } catch {
    return body // the option `onLimited` returned a text
  }
}
