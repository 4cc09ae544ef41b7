import { precise } from '../measure/statistics.js'
import { markOf, type Goal } from '../report/goal.js'
import type { StoredResult } from '../report/results.js'

/** The scenarios in the root README, with the number of goals that it shows of each. */
const HEADLINES: Readonly<Record<string, number>> = {
  hit: 2,
  'hit on a Cluster': 2,
  'near hit': 1,
  bulk: 2,
  miss: 1,
  'cold key': 1,
  'exact window': 3,
  'one lock at a time': 1,
  'lock queue': 3,
  'write-behind': 2,
  'cold start': 2,
}

/** What the root README shows of the measurements with goals. */
export function headlines(results: readonly StoredResult[]): string {
  return tableOf(
    ['scenario', 'what', 'measured'],
    results.flatMap(({ scenario, goals }) =>
      goals
        .slice(0, HEADLINES[scenario] ?? 0)
        .map((goal) => [scenario, goal.what, precise(goal.measured)]),
    ),
  )
}

/** All goals, with ✓ and ✗. */
export function goalTable(results: readonly Pick<StoredResult, 'scenario' | 'goals'>[]): string {
  return tableOf(
    ['scenario', 'what', 'measured', 'goal', ''],
    results.flatMap(({ scenario, goals }) =>
      goals.map((goal) => [
        scenario,
        goal.what,
        precise(goal.measured),
        limitOf(goal),
        markOf(goal),
      ]),
    ),
  )
}

/** The machine, the server and Node.js in one sentence. */
export function machineOf({ circumstances, date }: StoredResult): string {
  const { cpu, node, 'Redis server': server } = circumstances
  return `Measured on ${date} on ${cpu}, with Redis ${server} and Node.js ${node}.`
}

export function versionsOf({ circumstances }: StoredResult): string {
  const libraries = Object.entries(circumstances).filter(([name]) => !MACHINE.includes(name))
  return tableOf(['library', 'version'], libraries)
}

/** The circumstances that `machineOf` contains. */
const MACHINE = ['cpu', 'node', 'Redis server']

/** The rows of a scenario. */
export function resultTable({ rows }: StoredResult): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter(
    (column) => column !== 'name',
  )
  return tableOf(
    ['', ...columns],
    rows.map((row) => [row.name, ...columns.map((column) => row[column] ?? '')]),
  )
}

function limitOf({ bound, goal }: Goal): string {
  return `${bound === 'at least' ? '≥' : '≤'} ${precise(goal)}`
}

function tableOf(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
