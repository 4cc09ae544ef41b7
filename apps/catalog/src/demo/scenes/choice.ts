export function pick<T>(processes: readonly T[], i: number): T {
  return processes[i % processes.length]!
}

/** Products 101 to 300, some far more often than others. */
export function hot(i: number): number {
  return 101 + Math.floor(200 * (((i * 7_919) % 1_000) / 1_000) ** 2)
}
