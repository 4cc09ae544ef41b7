import type { CheckResult } from './check.js'

/** Returns the progress as one line. */
export function progressLine({ violations, counts, faults, elapsed }: CheckResult): string {
  const of = (end: string) =>
    Object.entries(counts)
      .filter(([name]) => name.endsWith(end))
      .reduce((sum, [, count]) => sum + count, 0)
  const seconds = `${(elapsed / 1_000).toFixed(0)} s`
  const put = Object.values(faults).reduce((sum, count) => sum + count, 0)
  const [reads, writes, locks] = [of('reads'), of(': writes'), of(': acquired')]
  return (
    `${seconds}: ${reads} reads, ${writes} writes, ${locks} locks, ` +
    `${of(': admissions checked')} admissions, ${put} faults, ${violations.length} violations`
  )
}

/** Returns all counts and violations as lines. */
export function fullReport({ violations, counts, faults }: CheckResult): string {
  const list = (title: string, all: Readonly<Record<string, number>>) => [
    title,
    ...Object.entries(all)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, count]) => `  ${name}: ${count}`),
  ]
  const some = violations.slice(0, 50).map((name) => `  ${name}`)
  return [
    ...list('Activity and checks', counts),
    ...list('Faults', faults),
    `Violations: ${violations.length}`,
    ...some,
  ].join('\n')
}
