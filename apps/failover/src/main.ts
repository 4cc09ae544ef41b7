import { libraries } from './clients.js'
import { faults } from './faults/all.js'
import type { Counter } from './workload.js'

/**
 * `pnpm failover [name]` injects all faults, or those whose name contains `name`, with both client
 * libraries. It prints the results of each pattern.
 */
for (const fault of faults.filter(({ name }) => name.includes(process.argv[2] ?? ''))) {
  for (const library of libraries) {
    console.log(`\n${fault.name}; ${library.name}`)
    const reports = await fault.run(library, { concurrency: 8, calm: 2_000 })
    console.table(
      Object.fromEntries(
        reports.map((report) => [
          report.name,
          {
            steps: report.steps,
            'steps during the fault': report.duringFault.steps,
            'of the expected steps': percent(report.duringFault.steps, report.expectedSteps),
            'failed before recovery': format(report.failures),
            'failed after recovery': format(report.failuresAfterRecovery),
            'longest step, ms': Math.round(report.longestStep),
            'recovered after, ms': Math.round(report.recoveryTime),
            violations: format(report.violations),
          },
        ]),
      ),
    )
  }
}

function percent(part: number, whole: number): string {
  return `${Math.round((100 * part) / whole)} %`
}

function format(counter: Counter): string {
  return [...counter].map(([name, count]) => `${count} ${name}`).join(', ')
}
