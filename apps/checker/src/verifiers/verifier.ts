import type { FaultLog } from '../faults/log.js'

/** Detects violations from the messages of several processes. */
export interface Verifier<Message> {
  /** Adds a message, and returns the violations. Messages may be late and out of order. */
  add(message: Message): readonly string[]
}

/** How long a verifier stores messages, in ms: long enough for a frozen process to report. */
export const RETENTION = 60_000

/** Milliseconds before and after a fault in which order and exactness are not checked. */
export const MARGIN = 3_000

/** Returns whether no fault was active around that time. */
export function isCalm(faults: FaultLog, from: number, to: number): boolean {
  return !faults.any(from - MARGIN, to + MARGIN)
}
