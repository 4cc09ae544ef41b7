import type { ServerResponse } from 'node:http'
import { channels } from '@cache/core'
import { emit } from '@cache/core/internal'
import type { Decision } from '../decision.js'
import type { RateLimiter } from '../rate-limiter.js'
import { UNKNOWN_ID } from './address.js'

/**
 * Refunds a decision if `counts` returns `false`. Never rejects: if `counts` throws or rejects, or
 * Redis does not answer, the charge stays, and the error is reported on `cache:error`.
 */
export async function settle(
  limiter: RateLimiter,
  decision: Decision,
  counts: () => boolean | Promise<boolean>,
): Promise<void> {
  try {
    if ((await counts()) === false) await limiter.refund(decision)
  } catch (error) {
    const key = decision.receipt?.key ?? UNKNOWN_ID
    emit(channels.error, () => ({ operation: 'ratelimit countWhen', key, error }))
  }
}

/**
 * Calls `onSent` when the response has been sent. It is not called if the client leaves before
 * that, because nobody must be able to avoid a charge by leaving.
 */
export function afterResponse(response: ServerResponse, onSent: () => unknown): void {
  const onFinish = (): void => {
    response.off('close', onClose)
    onSent()
  }
  const onClose = (): void => void response.off('finish', onFinish)
  response.once('finish', onFinish)
  response.once('close', onClose)
}
