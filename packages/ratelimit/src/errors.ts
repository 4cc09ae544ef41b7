import { CacheError, ServerError } from '@cache/core'

/**
 * A concurrency slot was lost: it was not renewed within its ttl, its state was deleted, or the
 * client was closed. Another request can have the slot from now on.
 */
export class SlotLostError extends CacheError {
  static override readonly kind: string = 'SlotLostError'
  constructor(key: string, closed = false) {
    const cause = closed
      ? 'the client was closed'
      : 'it was not renewed within its ttl, or its key was deleted'
    super(
      `The concurrency slot of "${key}" is lost: ${cause}. Stop the work that it was held for.`,
      { code: 'SLOT_LOST', key },
    )
  }
}

/**
 * Returns whether a failed command may have been executed, or may still be. It returns `false` if
 * the command was never sent, or if Redis refused it.
 */
export function mayHaveRun(error: unknown): boolean {
  return (
    !(error instanceof ServerError) &&
    !(error instanceof CacheError && NOT_SENT_CODES.has(error.code))
  )
}

/** Returns whether the client was closed. */
export function isClosed(error: unknown): boolean {
  return error instanceof CacheError && error.code === 'CLOSED'
}

const NOT_SENT_CODES = new Set(['CIRCUIT_OPEN', 'OVERLOADED', 'CLOSED', 'NOT_SENT'])
