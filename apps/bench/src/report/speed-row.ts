import type { Speed } from '../measure/rounds.js'
import { precise } from '../measure/statistics.js'
import type { Row } from '../scenarios/scenario.js'

/** Returns the row of a measured speed. `ratio` names the column that compares it. */
export function speedRow(speed: Speed, ratio: string): Row {
  const { name, microseconds, p50, p99, cpu, cpuRatio, server } = speed
  return {
    name,
    'per second': Math.round(1e6 / microseconds),
    'µs each': precise(microseconds),
    'p50, µs': precise(p50),
    'p99, µs': precise(p99),
    'CPU µs each': precise(cpu),
    ...(server && {
      'server µs each': precise(server.cpu),
      'script µs each': precise(server.scripts),
      'commands each': precise(server.commands),
    }),
    [ratio]: precise(speed.ratio),
    [cpuColumn(ratio)]: precise(cpuRatio),
  }
}

/** The column with the CPU time relative to the baseline: `'CPU, times the bare client'`. */
export function cpuColumn(ratio: string): string {
  return `CPU, ${ratio}`
}
