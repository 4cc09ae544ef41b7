export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** Rounds to three digits, the precision of such measurements. */
export function precise(value: number): number {
  return Number(value.toPrecision(3))
}
