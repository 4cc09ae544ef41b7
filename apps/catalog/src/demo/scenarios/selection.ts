/** Returns the processes in turn. */
export function roundRobin<T>(processes: readonly T[], i: number): T {
  return processes[i % processes.length]!
}

/** Returns ids of products from 101 to 300. The low ids are much more frequent. */
export function skewedProductId(i: number): number {
  return 101 + Math.floor(200 * (((i * 7_919) % 1_000) / 1_000) ** 2)
}
