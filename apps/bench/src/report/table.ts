import type { Result, Scenario } from '../scenarios/scenario.js'

export function printTable({ name, about }: Scenario, { rows }: Result): void {
  console.log(`\n${name}: ${about}`)
  console.table(Object.fromEntries(rows.map(({ name: row, ...columns }) => [row, columns])))
}
