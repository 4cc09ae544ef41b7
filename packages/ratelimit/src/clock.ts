/** The process' own clock: monotonic ms, for durations only. */
export interface Clock {
  now(): number
}

/**
 * By how much the clocks of two machines may differ in speed: NTP slews by no more than 500 ppm.
 */
export const DRIFT = 0.001
