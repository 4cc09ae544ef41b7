/**
 * Returns the delay of a timer. Node.js fires a timer of more than 24 days at once, so that a very
 * long timeout would be none at all. Here it ends after 24 days.
 */
export function timerDelay(ms: number): number {
  return Math.min(ms, MAX_TIMER_DELAY)
}

const MAX_TIMER_DELAY = 2 ** 31 - 1
