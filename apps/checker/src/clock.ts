/**
 * Returns the milliseconds of the machine's monotonic clock. All processes of the machine share it,
 * so you can compare times of different processes.
 */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
