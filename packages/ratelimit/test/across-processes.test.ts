import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keysWithoutTtl } from './matrix.js'
import type { Burst, Order } from './processes/load-generator.js'

const file = new URL('./processes/load-generator.ts', import.meta.url)
/** The duration of a burst in milliseconds. */
const DURATION = process.env.CHAOS ? 20_000 : 2_000
const HOUR = 3_600_000
const [LIMIT, WINDOW] = [20, 300_000]

/** Returns the milliseconds until the last slot of a key expires. */
const SLOT_EXPIRES_IN = `
local time = redis.call('TIME')
local slot = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
return (slot[2] - time[1] * 1000000 - time[2]) / 1000`

/** The bound of each policy: the requests that it may admit in `micros` µs from the first one. */
const bounds: Record<string, (micros: number) => number> = {
  slidingWindow: (micros) => (micros < WINDOW ? LIMIT : Infinity),
  slidingCounter: (micros) => (micros < WINDOW ? LIMIT + (LIMIT * micros) / WINDOW : Infinity),
  fixedWindow: (micros) => (micros < WINDOW ? 2 * LIMIT - 1 : Infinity),
  tokenBucket: (micros) => LIMIT + (LIMIT * micros) / WINDOW,
  gcra: (micros) => 5 + (LIMIT * micros) / WINDOW,
}

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

function findViolation(
  times: readonly number[],
  bound: (micros: number) => number,
): string | undefined {
  for (let from = 0; from < times.length; from++) {
    for (let to = from; to < times.length && times[to]! - times[from]! <= 2 * WINDOW; to++) {
      if (to - from + 1 > bound(times[to]! - times[from]!))
        return `${to - from + 1} in ${times[to]! - times[from]!} µs`
    }
  }
  return undefined
}

describe.each(['ioredis', 'node-redis'] as const)(
  'from 4 processes on %s whose host clocks are two hours apart',
  (client) => {
    it(`every policy keeps its bound at 10 × its limit for ${DURATION / 1_000} s`, async () => {
      await server.flush()
      const options = (shift: number) => ({
        count: 2,
        data: { url: server.url, client },
        env: { CLOCK_SHIFT: String(shift) },
        execArgv: ['--import', new URL('./processes/shifted-clock.ts', import.meta.url).href],
      })
      await using early = spawnProcesses(file, options(-HOUR))
      await using late = spawnProcesses(file, options(HOUR))
      const processes = [...early.processes, ...late.processes]
      await Promise.all(processes.map((child) => child.next('ready')))
      const windows = (DURATION * 1_000) / WINDOW
      const requests = Math.floor((10 * 5 * LIMIT * windows) / processes.length) + 1
      for (const child of processes)
        child.send({
          do: 'burst',
          minDuration: DURATION,
          minRequests: requests,
          inFlight: 4,
        } satisfies Order)
      const bursts = await Promise.all(
        processes.map((child) => child.next<Burst>('burst', { timeout: DURATION + 60_000 })),
      )

      // The clocks really were two hours apart.
      expect(Math.round((bursts[2]!.clock - bursts[0]!.clock) / HOUR)).toBe(2)
      expect(bursts.reduce((sum, { degraded }) => sum + degraded, 0)).toBe(0)
      expect(bursts.reduce((sum, { sent }) => sum + sent, 0)).toBeGreaterThan(
        10 * 5 * LIMIT * windows,
      )
      for (const [policy, bound] of Object.entries(bounds)) {
        const times = bursts.flatMap(({ admitted }) => admitted[policy]!).sort((a, b) => a - b)
        expect({ policy, violation: findViolation(times, bound) }).toEqual({
          policy,
          violation: undefined,
        })
        // It also admits most of what it could.
        expect(times.length).toBeGreaterThan(LIMIT * (windows - 2) * 0.8)
      }
      const redis = new Redis(server.url)
      const inspector = createCacheClient(ioredisDriver(redis))
      expect(await keysWithoutTtl(inspector)).toEqual([])
      await inspector.close()
      redis.disconnect()
    })

    it('a slot whose holder was killed is free after its ttl, and not before', async () => {
      await server.flush()
      await using group = spawnProcesses(file, { count: 2, data: { url: server.url, client } })
      const [holder, other] = group.processes as [
        (typeof group.processes)[0],
        (typeof group.processes)[0],
      ]
      await group.all('ready')
      holder.send({ do: 'hold' } satisfies Order)
      expect(await holder.next<{ allowed: boolean }>('hold')).toMatchObject({ allowed: true })
      const tryOnce = async (): Promise<boolean> => {
        other.send({ do: 'try' } satisfies Order)
        return (await other.next<{ allowed: boolean }>('try')).allowed
      }
      // The holder keeps the slot for longer than its ttl while it lives.
      for (const until = performance.now() + 1_500; performance.now() < until; await sleep(50))
        expect(await tryOnce()).toBe(false)
      const before = performance.now()
      const left = Number(await server.cli('EVAL', SLOT_EXPIRES_IN, '1', 'slots:{slots:u}:a:slots'))
      const killed = performance.now()
      await holder.kill('SIGKILL')
      while (!(await tryOnce())) {
        expect(performance.now() - killed).toBeLessThan(20_000)
        await sleep(10)
      }
      expect(performance.now() - before).toBeGreaterThan(left - 1)
    })
  },
  120_000,
)
