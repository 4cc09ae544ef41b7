import { parseArgs } from 'node:util'
import { parseDuration, type Duration } from '@cache/core'
import { check } from './check.js'
import { faultNames, type FaultName } from './faults/all.js'
import { patternNames, type PatternName } from './patterns/all.js'
import { topologies, type TopologyName } from './connection-target.js'
import { fullReport, progressLine } from './report.js'

const { values } = parseArgs({
  options: {
    on: { type: 'string', default: 'standalone' },
    for: { type: 'string', default: '1m' },
    seed: { type: 'string', default: String(process.pid) },
    patterns: { type: 'string', default: patternNames.join(',') },
    faults: { type: 'string', default: faultNames.join(',') },
    processes: { type: 'string', default: '4' },
    naive: { type: 'boolean', default: false },
  },
})

console.log(`checking on ${values.on} for ${values.for} with --seed ${values.seed}`)
const result = await check({
  on: oneOf<TopologyName>('--on', topologies, values.on),
  duration: parseDuration(values.for as Duration, '--for'),
  seed: Number(values.seed),
  patterns: listOf<PatternName>('--patterns', patternNames, values.patterns),
  faults: listOf<FaultName>('--faults', faultNames, values.faults),
  processes: Number(values.processes),
  naive: values.naive,
  onProgress: (sofar) => console.log(progressLine(sofar)),
  onViolation: (description) => console.log(`VIOLATION ${description}`),
})
console.log(fullReport(result))
process.exit(result.violations.length > 0 ? 1 : 0)

function listOf<T extends string>(option: string, known: readonly T[], text: string): readonly T[] {
  return text === '' ? [] : text.split(',').map((name) => oneOf(option, known, name))
}

function oneOf<T extends string>(option: string, known: readonly T[], name: string): T {
  if (known.includes(name as T)) return name as T
  console.error(`${option} does not know '${name}'; there are ${known.join(', ')}.`)
  process.exit(2)
}
