import type { Verdict } from './check.js'

/** One line. */
export function progressLine({ violations, counts, faults, elapsed }: Verdict): string {
  const of = (end: string) =>
    Object.entries(counts)
      .filter(([what]) => what.endsWith(end))
      .reduce((sum, [, count]) => sum + count, 0)
  const seconds = `${(elapsed / 1_000).toFixed(0)} s`
  const put = Object.values(faults).reduce((sum, count) => sum + count, 0)
  const [reads, writes, locks] = [of('reads'), of(': writes'), of(': acquired')]
  return (
    `${seconds}: ${reads} reads, ${writes} writes, ${locks} locks, ` +
    `${of(': admissions checked')} admissions, ${put} faults, ${violations.length} violations`
  )
}

/** Everything, in lines. */
export function fullReport({ violations, counts, faults }: Verdict): string {
  const list = (title: string, all: Readonly<Record<string, number>>) => [
    title,
    ...Object.entries(all)
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([what, count]) => `  ${what}: ${count}`),
  ]
  const some = violations.slice(0, 50).map((what) => `  ${what}`)
  return [
    ...list('What was done and checked', counts),
    ...list('Faults', faults),
    `Violations: ${violations.length}`,
    ...some,
  ].join('\n')
}
