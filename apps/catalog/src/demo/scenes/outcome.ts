import type { Checker } from '../checker.js'
import type { Stage } from '../stage.js'

export interface Outcome {
  /** One row of the table. */
  readonly rows: readonly Row[]
  /** What must hold, in plain words. */
  readonly expectations: readonly { readonly what: string; readonly holds: boolean }[]
}

export interface Row {
  readonly scene: string
  readonly reads: number
  readonly hits: string
  readonly loads: string
  readonly p50: string
  readonly p99: string
  readonly stale: number
}

export type Scene = (stage: Stage, tell: (what: string) => void) => Promise<Outcome>

export function rowOf(
  scene: string,
  checker: Checker,
  { hits, loads }: { hits: number | string; loads: number | string },
): Row {
  const ms = (share: number): string => `${checker.percentile(share).toFixed(1)} ms`
  return {
    scene,
    reads: checker.reads,
    hits: String(hits),
    loads: String(loads),
    p50: ms(0.5),
    p99: ms(0.99),
    stale: checker.stale,
  }
}
