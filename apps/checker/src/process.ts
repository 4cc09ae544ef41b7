import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { childProcess } from '@cache/testkit'
import { now } from './clock.js'
import { connect } from './connect.js'
import type { Finished, ProcessCommand, Report } from './events.js'
import { patterns, type PatternName } from './patterns/all.js'
import type { Workload } from './patterns/workload.js'
import { Random } from './random.js'
import type { ConnectionTarget } from './connection-target.js'
import { Reporter } from './reporter.js'
import { connectSource } from './source.js'

// One of the processes under test. It runs all patterns on one client.

export interface ProcessData {
  readonly name: string
  readonly target: ConnectionTarget
  readonly source: string
  readonly patterns: readonly PatternName[]
  readonly naive: boolean
  readonly seed: number
}

/** The number of concurrent steps of one pattern. */
const CONCURRENCY = 2
const REPORT_INTERVAL = 250
/** The milliseconds after which a step counts as hanging: far longer than any of its timeouts. */
const HANG_THRESHOLD = 60_000

const child = childProcess<ProcessData>()
const { name, target, patterns: names, naive, seed } = child.data
const source = connectSource(child.data.source)
const reporter = new Reporter()
const client = createCacheClient(connect(target), {
  namespace: 'check',
  resilience: { readTimeout: 300, writeTimeout: 600, breaker: { failures: 5, cooldown: 200 } },
})
let finishing = false

process.on('unhandledRejection', (error) => {
  const description = `unhandled rejection: ${error instanceof Error ? error.stack : String(error)}`
  reporter.violation({ pattern: 'process', description, from: 0, to: 0 })
})

const workloads = await Promise.all(
  names.map(async (pattern, i): Promise<[PatternName, Workload]> => {
    const random = new Random(seed * 100 + i)
    const start = patterns[pattern][naive ? 'naive' : 'real']
    return [pattern, await start({ client, source, random, reporter, process: name })]
  }),
)
await child.say('ready')
await child.next<ProcessCommand>('start', { timeout: 600_000 })
setInterval(() => void report(), REPORT_INTERVAL)
const loops = workloads.flatMap(([pattern, workload], i) =>
  Array.from({ length: CONCURRENCY }, (_, n) =>
    loop(pattern, workload, new Random(seed * 1_000 + i * 10 + n)),
  ),
)

await child.next<ProcessCommand>('finish', { timeout: 2 ** 30 })
finishing = true
await Promise.all(loops)
await Promise.all(workloads.map(([pattern, workload]) => finish(pattern, workload)))
await child.say({ type: 'finished', ...reporter.take() } satisfies Finished)
await Promise.all(workloads.map(([, workload]) => workload.close()))
await client.close()
process.exit()

async function loop(pattern: PatternName, workload: Workload, random: Random): Promise<void> {
  while (!finishing) {
    await attempt(pattern, () => workload.step())
    await sleep(random.between(1, 12))
  }
}

/** Repeats `finish` until it succeeds, because the faults are over. */
async function finish(pattern: PatternName, workload: Workload): Promise<void> {
  while (workload.finish && !(await attempt(pattern, () => workload.finish!()))) await sleep(200)
}

async function attempt(pattern: PatternName, step: () => Promise<void>): Promise<boolean> {
  const from = now()
  const hangs = setTimeout(() => {
    const description = `a step has been running for ${HANG_THRESHOLD} ms`
    reporter.violation({ pattern, description, from, to: now() })
  }, HANG_THRESHOLD)
  try {
    await step()
    return true
  } catch (error) {
    const { code, name: kind } = error as { readonly code?: string; readonly name?: string }
    reporter.count(`${pattern}: failed with ${code ?? kind ?? 'an error'}`)
    return false
  } finally {
    clearTimeout(hangs)
  }
}

function report(): Promise<void> {
  return child.say({ type: 'report', ...reporter.take() } satisfies Report)
}
