/** The process' own clock: monotonic ms, for durations only. */
export interface Clock {
  now(): number
}
