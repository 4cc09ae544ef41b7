/** The monotonic clock of the process, in milliseconds. It measures durations only. */
export interface Clock {
  now(): number
}

/**
 * The relative difference in speed that the clocks of two machines can have. NTP slews a clock by
 * at most 500 ppm, so two clocks drift apart by at most 1000 ppm.
 */
export const MAX_CLOCK_DRIFT = 0.001
