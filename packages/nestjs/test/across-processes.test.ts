import { spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { libraries } from './clients.js'
import type { Order } from './processes/shop.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())

interface Read {
  readonly loads: number
  readonly values: readonly number[]
}

describe.each(libraries)('between processes, on %s', (library) => {
  it('loads once for 3 processes × 50 callers, and again after a write', async () => {
    await server.flush()
    await using group = spawnProcesses(new URL('./processes/shop.ts', import.meta.url), {
      count: 3,
      data: { url: server.url, library },
    })
    const { processes } = group
    await Promise.all(processes.map((one) => one.next('ready', { timeout: 60_000 })))
    for (let round = 1; round <= 5; round++) {
      for (const one of processes)
        one.send({ do: 'read', id: 1, value: round, takes: 100 } satisfies Order)
      const reads = await Promise.all(processes.map((one) => one.next<Read>('read')))
      expect(reads.reduce((sum, { loads }) => sum + loads, 0)).toBe(1)
      expect(reads.map(({ values }) => values)).toEqual(processes.map(() => [round]))
      const writer = processes[round % 3]!
      writer.send({ do: 'write', id: 1 } satisfies Order)
      await writer.next('written')
    }
  })
})
