import { CacheError } from '@cache/core'

/** Whether a request that failed was never sent, so that nothing can come of it. */
export function neverSent(error: unknown): boolean {
  return error instanceof CacheError && CODES.has(error.code)
}

const CODES = new Set(['CIRCUIT_OPEN', 'OVERLOADED', 'NOT_SENT'])
