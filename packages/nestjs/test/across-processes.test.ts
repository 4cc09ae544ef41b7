import { spawnProcesses, startRedis, type RedisServer, type SpawnedProcess } from '@cache/testkit'
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

  it('leaves no old value for long if a process dies in @Mutates after its write', async () => {
    await server.flush()
    await using group = spawnProcesses(new URL('./processes/shop.ts', import.meta.url), {
      count: 2,
      data: { url: server.url, library },
    })
    const [reader, writer] = group.processes as [(typeof group.processes)[0], SpawnedProcess]
    await Promise.all(group.processes.map((one) => one.next('ready', { timeout: 60_000 })))
    const read = async (value: number): Promise<Read> => {
      reader.send({ do: 'read', id: 1, value, takes: 0 } satisfies Order)
      return reader.next<Read>('read')
    }
    expect((await read(1)).values).toEqual([1])
    expect((await read(2)).values).toEqual([1]) // cached
    writer.send({ do: 'write', id: 1, hangs: true } satisfies Order)
    await writer.next('has written')
    await writer.kill()
    await expect.poll(async () => (await read(2)).values, { timeout: 20_000 }).toEqual([2])
    await expect.poll(async () => (await read(3)).loads, { timeout: 20_000 }).toBe(0)
  })
})
