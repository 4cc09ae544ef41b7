import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keysWithoutTtl } from './matrix.js'
import type { Burst, Order } from './processes/load-generator.js'

const file = new URL('./processes/load-generator.ts', import.meta.url)
const MS = process.env.CHAOS ? 20_000 : 2_000
const HOUR = 3_600_000
const [LIMIT, WINDOW] = [20, 300_000]

/** The most that may be admitted in a time of so many µs, from the first to the last. */
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

function worst(times: readonly number[], most: (micros: number) => number): string | undefined {
  for (let from = 0; from < times.length; from++) {
    for (let to = from; to < times.length && times[to]! - times[from]! <= 2 * WINDOW; to++) {
      if (to - from + 1 > most(times[to]! - times[from]!))
        return `${to - from + 1} in ${times[to]! - times[from]!} µs`
    }
  }
  return undefined
}

describe.each(['ioredis', 'node-redis'] as const)(
  'from 4 processes on %s, host clocks two hours apart',
  (client) => {
    it(`every policy stays in its bound under more than 10 × the limit for ${MS / 1_000} s, and gives out what there is`, async () => {
      await server.flush()
      const how = (shift: number) => ({
        count: 2,
        data: { url: server.url, client },
        env: { CLOCK_SHIFT: String(shift) },
        execArgv: ['--import', new URL('./processes/shifted-clock.ts', import.meta.url).href],
      })
      await using early = spawnProcesses(file, how(-HOUR))
      await using late = spawnProcesses(file, how(HOUR))
      const processes = [...early.processes, ...late.processes]
      await Promise.all(processes.map((one) => one.next('ready')))
      const windows = (MS * 1_000) / WINDOW
      const asks = Math.floor((10 * 5 * LIMIT * windows) / processes.length) + 1
      for (const one of processes)
        one.send({ do: 'burst', ms: MS, asks, inFlight: 4 } satisfies Order)
      const bursts = await Promise.all(
        processes.map((one) => one.next<Burst>('burst', { timeout: MS + 60_000 })),
      )

      // the clocks were apart indeed
      expect(Math.round((bursts[2]!.clock - bursts[0]!.clock) / HOUR)).toBe(2)
      expect(bursts.reduce((sum, { degraded }) => sum + degraded, 0)).toBe(0)
      expect(bursts.reduce((sum, { asked }) => sum + asked, 0)).toBeGreaterThan(
        10 * 5 * LIMIT * windows,
      )
      for (const [policy, most] of Object.entries(bounds)) {
        const times = bursts.flatMap(({ admitted }) => admitted[policy]!).sort((a, b) => a - b)
        expect({ policy, worst: worst(times, most) }).toEqual({ policy, worst: undefined })
        expect(times.length).toBeGreaterThan(LIMIT * (windows - 2) * 0.8)
      }
      const redis = new Redis(server.url)
      const looking = createCacheClient(ioredisDriver(redis))
      expect(await keysWithoutTtl(looking)).toEqual([])
      await looking.close()
      redis.disconnect()
    })

    it('a slot whose holder was killed goes to the next, and not before its ttl', async () => {
      await server.flush()
      await using group = spawnProcesses(file, { count: 2, data: { url: server.url, client } })
      const [holder, other] = group.processes as [
        (typeof group.processes)[0],
        (typeof group.processes)[0],
      ]
      await group.all('ready')
      holder.send({ do: 'hold' } satisfies Order)
      expect(await holder.next<{ allowed: boolean }>('hold')).toMatchObject({ allowed: true })
      const tries = async (): Promise<boolean> => {
        other.send({ do: 'try' } satisfies Order)
        return (await other.next<{ allowed: boolean }>('try')).allowed
      }
      // As long as it lives it keeps the slot, for longer than its ttl.
      for (const until = performance.now() + 1_500; performance.now() < until; await sleep(50))
        expect(await tries()).toBe(false)
      const before = performance.now() // what is left is less when it is told
      // a key lives for a second longer than what is in it
      const left = Number(await server.cli('PTTL', 'slots:{slots:u}:a:slots')) - 1_000
      const killed = performance.now()
      await holder.kill('SIGKILL')
      while (!(await tries())) {
        expect(performance.now() - killed).toBeLessThan(20_000)
        await sleep(10)
      }
      expect(performance.now() - before).toBeGreaterThan(left - 1)
    })
  },
  120_000,
)
