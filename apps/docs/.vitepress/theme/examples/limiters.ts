import { createCacheClient } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import {
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Limit,
} from '@cache/ratelimit'
import { patient } from './patient.js'

/** The policies, and what each admits at most in any time of the length of a window. */
export const policies = [
  {
    title: 'Fixed window',
    bound: (limit: number) => 2 * limit - 1,
    create: (limit: number, window: number) => fixedWindow({ limit, window }),
  },
  {
    title: 'Sliding window, exact',
    bound: (limit: number) => limit,
    create: (limit: number, window: number) => slidingWindow({ limit, window }),
  },
  {
    title: 'Sliding counter',
    bound: (limit: number) => 2 * limit - 1,
    create: (limit: number, window: number) => slidingCounter({ limit, window }),
  },
  {
    title: 'Token bucket',
    bound: (limit: number) => 2 * limit,
    create: (limit: number, window: number) =>
      tokenBucket({ capacity: limit, refill: limit, interval: window }),
  },
  {
    title: 'GCRA, burst 1',
    bound: (limit: number) => limit + 1,
    create: (limit: number, window: number) => gcra({ limit, window, burst: 1 }),
  },
] as const satisfies readonly {
  title: string
  bound: (limit: number) => number
  create: (limit: number, window: number) => Limit
}[]

export const shapes = ['steady', 'bursts', 'at window edges', 'random'] as const
export type Shape = (typeof shapes)[number]

/** The time of all requests, in ms. */
export const DURATION = 60_000

export interface PolicyResult {
  readonly title: string
  readonly bound: number
  /** Whether each request was admitted. */
  readonly admitted: readonly boolean[]
  /** The highest number of admitted requests in any time of the length of a window. */
  readonly most: number
}

/** Returns the times of the requests of a minute, in ms. The first is at 0. */
export function traffic(shape: Shape, perSecond: number, window: number): readonly number[] {
  const count = Math.round((perSecond * DURATION) / 1_000)
  switch (shape) {
    case 'steady':
      return Array.from({ length: count }, (_, i) => Math.round((i * 1_000) / perSecond))
    case 'bursts':
      return burstsAt(multiples(window / 2), count)
    case 'at window edges': {
      // A request opens a window, and there is a burst on both sides of its end. The window that
      // the second burst opens ends before the next request.
      const openers = multiples(2 * window + 2)
      const bursts = openers.flatMap((at) => [at + window - 1_000, at + window])
      const inTime = bursts.filter((at) => at < DURATION)
      return [...openers, ...burstsAt(inTime, count - openers.length)].sort((x, y) => x - y)
    }
    case 'random': {
      const random = randomNumbers(7)
      return [0, ...Array.from({ length: count - 1 }, () => Math.floor(random() * DURATION))].sort(
        (a, b) => a - b,
      )
    }
  }
}

/** Sends requests at these times to each policy, by a clock that stands still between them. */
export async function admit(
  times: readonly number[],
  limit: number,
  window: number,
): Promise<readonly PolicyResult[]> {
  const server = new ServerWithClock()
  const client = createCacheClient(memoryDriver({ server }), { resilience: patient })
  const limiters = policies.map(({ create }) =>
    createRateLimiter({
      client,
      prefix: 'example',
      limits: [create(limit, window)],
      denyCache: false, // It follows the clock of the process.
      deadline: '1m',
    }),
  )
  const admitted: boolean[][] = policies.map(() => [])
  for (const time of times) {
    server.time = time
    const decisions = await Promise.all(limiters.map((limiter) => limiter.consume('visitor')))
    decisions.forEach(({ allowed, degraded }, index) => {
      if (degraded) throw new Error('The driver in memory has not answered in time.')
      admitted[index]!.push(allowed)
    })
  }
  await client.close()
  return policies.map(({ title, bound }, index) => {
    const passed = times.filter((_, request) => admitted[index]![request])
    return {
      title,
      bound: bound(limit),
      admitted: admitted[index]!,
      most: Math.max(0, ...inWindowBefore(passed, window)),
    }
  })
}

/** Returns for each time how many of the times lie in the window that it ends. */
export function inWindowBefore(times: readonly number[], window: number): number[] {
  let first = 0
  return times.map((time, index) => {
    while (times[first]! <= time - window) first++
    return index - first + 1
  })
}

/** A server in memory whose clock stands still until it is set. */
class ServerWithClock extends MemoryServer {
  /** Ms. */
  time = 0

  override micros(): number {
    return START + this.time * 1_000
  }
}

/** 2026-01-01, in µs. */
const START = 1_767_225_600_000_000

function multiples(step: number): number[] {
  return Array.from({ length: Math.ceil(DURATION / step) }, (_, i) => Math.round(i * step))
}

/** Spreads `count` requests over bursts that last half a second. */
function burstsAt(starts: readonly number[], count: number): number[] {
  const size = Math.max(1, Math.round(count / starts.length))
  return starts.flatMap((start) =>
    Array.from({ length: size }, (_, i) => start + Math.floor((i * 500) / size)),
  )
}

/** Pseudo-random numbers in [0, 1), the same for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
