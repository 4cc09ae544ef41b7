import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { childProcess } from '@cache/testkit'
import { now } from './clock.js'
import { connect } from './connect.js'
import type { Finished, Order, Report } from './events.js'
import { patterns, type PatternName } from './patterns/all.js'
import type { Work } from './patterns/work.js'
import { Random } from './random.js'
import type { Reach } from './reach.js'
import { Reporter } from './reporter.js'
import { connectSource } from './source.js'

// One of the processes under test: all patterns at work, on one client.

export interface ProcessData {
  readonly name: string
  readonly reach: Reach
  readonly source: string
  readonly patterns: readonly PatternName[]
  readonly naive: boolean
  readonly seed: number
}

/** Steps of one pattern that are under way at once. */
const AT_ONCE = 2
const REPORT_EVERY = 250
/** Ms after which a step counts as one that hangs: far longer than any of its timeouts. */
const HANGS_AFTER = 60_000

const child = childProcess<ProcessData>()
const { name, reach, patterns: names, naive, seed } = child.data
const source = connectSource(child.data.source)
const reporter = new Reporter()
const client = createCacheClient(connect(reach), {
  namespace: 'check',
  resilience: { readTimeout: 300, writeTimeout: 600, breaker: { failures: 5, cooldown: 200 } },
})
let finishing = false

process.on('unhandledRejection', (error) => {
  const what = `unhandled rejection: ${error instanceof Error ? error.stack : String(error)}`
  reporter.violation({ pattern: 'process', what, from: 0, to: 0 })
})

const works = await Promise.all(
  names.map(async (pattern, i): Promise<[PatternName, Work]> => {
    const random = new Random(seed * 100 + i)
    const start = patterns[pattern][naive ? 'naive' : 'ours']
    return [pattern, await start({ client, source, random, reporter, process: name })]
  }),
)
await child.say('ready')
await child.next<Order>('work', { timeout: 600_000 })
setInterval(() => void report(), REPORT_EVERY)
const loops = works.flatMap(([pattern, work], i) =>
  Array.from({ length: AT_ONCE }, (_, n) =>
    loop(pattern, work, new Random(seed * 1_000 + i * 10 + n)),
  ),
)

await child.next<Order>('finish', { timeout: 2 ** 30 })
finishing = true
await Promise.all(loops)
await Promise.all(works.map(([pattern, work]) => finish(pattern, work)))
await child.say({ type: 'finished', ...reporter.take() } satisfies Finished)
await Promise.all(works.map(([, work]) => work.close()))
await client.close()
process.exit()

async function loop(pattern: PatternName, work: Work, random: Random): Promise<void> {
  while (!finishing) {
    await attempt(pattern, () => work.step())
    await sleep(random.between(1, 12))
  }
}

/** Until it works: the faults are over. */
async function finish(pattern: PatternName, work: Work): Promise<void> {
  while (work.finish && !(await attempt(pattern, () => work.finish!()))) await sleep(200)
}

async function attempt(pattern: PatternName, step: () => Promise<void>): Promise<boolean> {
  const from = now()
  const hangs = setTimeout(() => {
    const what = `a step has been under way for ${HANGS_AFTER} ms`
    reporter.violation({ pattern, what, from, to: now() })
  }, HANGS_AFTER)
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
