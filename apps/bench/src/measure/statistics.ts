export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/** A median, and the quartiles as its spread. */
export interface Spread {
  readonly low: number
  readonly median: number
  readonly high: number
}

export function spread(values: readonly number[]): Spread {
  return {
    low: quantile(values, 0.25),
    median: median(values),
    high: quantile(values, 0.75),
  }
}

/** Rounds to three digits, the precision of such measurements. */
export function precise(value: number): number {
  return Number(value.toPrecision(3))
}
