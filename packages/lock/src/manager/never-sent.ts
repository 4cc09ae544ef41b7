import { CacheError } from '@cache/core'

/** Returns whether a failed request was never sent, so that Redis cannot execute it. */
export function neverSent(error: unknown): boolean {
  return error instanceof CacheError && CODES.has(error.code)
}

const CODES = new Set(['CIRCUIT_OPEN', 'OVERLOADED', 'NOT_SENT'])
