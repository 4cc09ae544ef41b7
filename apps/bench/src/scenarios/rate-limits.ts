import { startRedis } from '@cache/testkit'
import { gcraLimiters, limiters, logLimiters } from '../limits/contenders.js'
import { measureInRounds, shortened, type LoadProfile } from '../measure/rounds.js'
import { ServerMeter } from '../measure/server-meter.js'
import { speedRow } from '../report/speed-row.js'
import { draw } from '../workload/access.js'
import { compositeIds } from '../workload/ids.js'
import type { Result, Scale, Scenario } from './scenario.js'

export const rateLimit: Scenario = {
  name: 'rate limit',
  about:
    'Decisions on requests that are allowed, 1 000 ids at random, 100 in flight. The other ' +
    'libraries count in fixed windows; @cache/ratelimit does that, stores one timestamp (gcra), ' +
    'or an exact log.',
  run: (scale) =>
    measure(
      scale,
      { limit: 1_000_000, ids: 1_000 },
      { inFlight: 100, operations: 5_000, rounds: 11 },
    ),
}

export const exactWindow: Scenario = {
  name: 'exact window',
  about:
    'Decisions by an exact log of the last hour, 10 000 ids at random, 100 in flight; against ' +
    'the script that a developer writes by hand, and rate-limiter-flexible (fixed windows).',
  run: (scale) => measure(scale, { limit: 1_000, ids: 10_000 }, MANY_IDS, logLimiters),
}

export const gcraLimit: Scenario = {
  name: 'gcra',
  about:
    'Decisions by one timestamp (GCRA), 10 000 ids at random, 100 in flight; against the script ' +
    'that a developer writes by hand.',
  run: (scale) => measure(scale, { limit: 1_000, ids: 10_000 }, MANY_IDS, gcraLimiters),
}

const MANY_IDS = { inFlight: 100, operations: 5_000, rounds: 15 }

export const denied: Scenario = {
  name: 'denied',
  about:
    'Decisions on a client that is over its limit of 1 per hour, one after the other: ' +
    'what each library remembers in the process.',
  run: (scale) =>
    measure(scale, { limit: 1, ids: 1 }, { inFlight: 1, operations: 500, rounds: 15 }),
}

async function measure(
  scale: Scale,
  { limit, ids: count }: { readonly limit: number; readonly ids: number },
  profile: LoadProfile,
  measured = limiters,
): Promise<Result> {
  await using server = await startRedis()
  await using meter = new ServerMeter([server])
  const opened = await Promise.all(
    measured.map(async ({ name, bare, open }, i) => ({
      name,
      bare,
      limiter: await open(`${server.url}/${i}`, limit, 3_600),
    })),
  )
  const ids = compositeIds(count)
  const tasks = opened.map(({ name, bare, limiter }) => {
    const id = draw(ids)
    return { name, bare, run: () => limiter.decide(id()) }
  })
  for (const { name, bare, limiter } of opened) {
    const answers = [await limiter.decide('checked'), await limiter.decide('checked')]
    if (name !== bare && (!answers[0] || answers[1] !== limit > 1))
      throw new Error(`${name} decided ${answers.join(', ')} on a limit of ${limit}`)
  }
  const speeds = await measureInRounds(
    tasks,
    scale === 'full' ? profile : shortened(profile),
    meter,
  )
  await Promise.all(opened.map(({ limiter }) => limiter.close()))
  const shown = 'times a bare round trip'
  return { shown, better: 'more', rows: speeds.map((speed) => speedRow(speed, shown)) }
}
