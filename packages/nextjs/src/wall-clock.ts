/** Returns the time by the clock that Next.js measures the age of entries with, in ms. */
export function nextNow(): number {
  return performance.timeOrigin + performance.now()
}
