/**
 * Milliseconds of the machine's monotonic clock, which all its processes share. Intervals that two
 * processes noted can therefore be compared.
 */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
