/**
 * Lets the process end while a timer runs, and returns the timer. In browsers a timer is a number,
 * which keeps nothing alive.
 */
export function unref<T>(timer: T): T {
  ;(timer as { unref?: () => void }).unref?.()
  return timer
}
