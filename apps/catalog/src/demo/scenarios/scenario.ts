import type { ConsistencyChecker } from '../consistency-checker.js'
import type { CatalogEnvironment, DemoEnvironment } from '../environment.js'
import type { Log } from '../log.js'

export interface ScenarioResult {
  /** Rows of the table that the demo prints. */
  readonly rows: readonly ResultRow[]
  readonly checks: readonly Check[]
}

/** A promise of the packages, and whether it was kept. */
export interface Check {
  readonly description: string
  readonly passed: boolean
}

export interface ResultRow {
  readonly scenario: string
  readonly reads: number
  readonly hits: string
  readonly loads: string
  readonly p50: string
  readonly p99: string
  readonly stale: number
}

export type Scenario<Environment = DemoEnvironment> = (
  environment: Environment,
  log: Log,
) => Promise<ScenarioResult>

/** A scenario that runs without a Redis, too. */
export type CatalogScenario = Scenario<CatalogEnvironment>

export function resultRow(
  scenario: string,
  checker: ConsistencyChecker,
  { hits, loads }: { hits: number | string; loads: number | string },
): ResultRow {
  const ms = (fraction: number): string => `${checker.percentile(fraction).toFixed(1)} ms`
  return {
    scenario,
    reads: checker.reads,
    hits: String(hits),
    loads: String(loads),
    p50: ms(0.5),
    p99: ms(0.99),
    stale: checker.staleReads,
  }
}
