import type { FaultLog } from '../faults/log.js'

/** Finds out, from what several processes tell, whether a guarantee was broken. */
export interface Judge<Told> {
  /** What is wrong, if anything is. May be told late, and out of order. */
  hear(told: Told): readonly string[]
}

/** What a judge of intervals keeps of each name: long enough for a frozen process to speak. */
export const KEPT_FOR = 60_000

/** Ms before and after a fault in which nothing is said about order or exactness. */
export const MARGIN = 3_000

/** Whether nothing at all was wrong around that time. */
export function calm(faults: FaultLog, from: number, to: number): boolean {
  return !faults.any(from - MARGIN, to + MARGIN)
}
