/**
 * Returns the sequence number of the next request that changes a lock. A copy of a request has the
 * same number, and an earlier request a lower one, so scripts can ignore both.
 */
export function nextSequence(): string {
  return String(++sequence)
}

let sequence = 0
