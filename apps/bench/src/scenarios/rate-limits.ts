import { startRedis } from '@cache/testkit'
import { limiters } from '../limits/contenders.js'
import { measureInRounds, type LoadProfile } from '../measure/rounds.js'
import { precise } from '../measure/statistics.js'
import type { Result, Scale, Scenario } from './scenario.js'

export const rateLimit: Scenario = {
  name: 'rate limit',
  about:
    'Decisions on requests that are allowed, 1 000 ids, 100 in flight. The other libraries count ' +
    'in fixed windows; @cache/ratelimit does that, stores one timestamp (gcra), or an exact log.',
  run: (scale) =>
    measure(
      scale,
      { limit: 1_000_000, ids: 1_000 },
      { inFlight: 100, operations: 5_000, rounds: 11 },
    ),
}

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
  { limit, ids }: { readonly limit: number; readonly ids: number },
  profile: LoadProfile,
): Promise<Result> {
  await using server = await startRedis()
  const opened = await Promise.all(
    limiters.map(async ({ name, bare, open }, i) => ({
      name,
      bare,
      limiter: await open(`${server.url}/${i}`, limit, 3_600),
    })),
  )
  const tasks = opened.map(({ name, bare, limiter }) => {
    let next = 0
    return { name, bare, run: () => limiter.decide(`user ${next++ % ids}`) }
  })
  for (const { name, bare, limiter } of opened) {
    const answers = [await limiter.decide('checked'), await limiter.decide('checked')]
    if (name !== bare && answers[1] !== limit > 1)
      throw new Error(`${name} decided ${answers.join(', ')} on a limit of ${limit}`)
  }
  const speeds = await measureInRounds(
    tasks,
    scale === 'full'
      ? profile
      : { ...profile, operations: Math.ceil(profile.operations / 100), rounds: 1 },
  )
  await Promise.all(opened.map(({ limiter }) => limiter.close()))
  const rows = speeds.map(({ name, microseconds, ratio, cpu }) => ({
    name,
    'µs each': precise(microseconds),
    'CPU µs each': precise(cpu),
    'times a bare round trip': precise(ratio),
  }))
  return { shown: 'times a bare round trip', better: 'more', rows }
}
