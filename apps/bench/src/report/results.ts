import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Result, Scale, Scenario } from '../scenarios/scenario.js'
import type { Goal } from './goal.js'
import { picture } from './picture.js'

/** The result of a scenario in a folder of results, as JSON. */
export interface StoredResult extends Result {
  readonly scenario: string
  readonly about: string
  readonly scale: Scale
  /** The day of the run: `2026-11-28`. */
  readonly date: string
  /** The machine and the versions. */
  readonly circumstances: Readonly<Record<string, string>>
  readonly goals: readonly Goal[]
}

/** Writes the result of a scenario, as JSON and as a picture. */
export async function storeResult(
  folder: string,
  scenario: Scenario,
  result: Result,
  details: Pick<StoredResult, 'scale' | 'circumstances' | 'goals'>,
): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const { name, about } = scenario
  const date = new Date().toISOString().slice(0, 10)
  const stored: StoredResult = { scenario: name, about, date, ...details, ...result }
  const file = join(folder, name.replaceAll(' ', '-'))
  writeFileSync(`${file}.json`, `${JSON.stringify(stored, null, 2)}\n`)
  writeFileSync(`${file}.svg`, await picture([{ scenario, result }]))
}

/** Reads all results of a folder. */
export function storedResults(folder: string): readonly StoredResult[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as StoredResult)
}
