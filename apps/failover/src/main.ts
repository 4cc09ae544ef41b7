import { libraries } from './clients.js'
import { disturbances } from './disturbances.js'
import type { Tally } from './trial.js'

/**
 * `pnpm failover [name]`: all disturbances, or those of that name, with both libraries; what became
 * of each pattern.
 */
for (const disturbance of disturbances.filter(({ name }) => name.includes(process.argv[2] ?? ''))) {
  for (const library of libraries) {
    console.log(`\n${disturbance.name}; ${library.name}`)
    const courses = await disturbance.run(library, { inFlight: 8, calm: 2_000 })
    console.table(
      Object.fromEntries(
        courses.map(
          ({
            name,
            steps,
            meanwhile,
            usual,
            failures,
            failuresAfterwards,
            longest,
            recovered,
            broken,
          }) => [
            name,
            {
              steps: steps,
              'in the disturbance': meanwhile.steps,
              'of the usual': `${Math.round((100 * meanwhile.steps) / usual)} %`,
              'failed meanwhile': shown(failures),
              'failed afterwards': shown(failuresAfterwards),
              'longest step, ms': Math.round(longest),
              'works again after, ms': Math.round(recovered),
              lost: shown(broken),
            },
          ],
        ),
      ),
    )
  }
}

function shown(tally: Tally): string {
  return [...tally].map(([what, count]) => `${count} ${what}`).join(', ')
}
