import { spawnProcesses, startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Order, Start } from './processes/reader.js'

const file = new URL('./processes/reader.ts', import.meta.url)
const ROUNDS = process.env.CHAOS ? 2_000 : 100

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

interface Read {
  readonly type: 'read'
  readonly loads: number
  readonly values: readonly number[]
  readonly slowest: number
}

async function readers(count: number, data: Omit<Start, 'url'>) {
  const group = spawnProcesses(file, { count, data: { url: server.url, ...data } })
  await Promise.all(group.processes.map((reader) => reader.next('ready', { timeout: 60_000 })))
  return group
}

describe.each(['ioredis', 'node-redis'] as const)(
  'between processes, on %s',
  (client) => {
    it(`is not stale if another process writes between load and fill (${ROUNDS}×)`, async () => {
      await using group = await readers(2, { client })
      const [reader, writer] = group.processes as [
        (typeof group.processes)[0],
        (typeof group.processes)[0],
      ]
      const order = (to: typeof reader, command: Order) => to.send(command)
      const stale: string[] = []
      for (let round = 0; round < ROUNDS; round++) {
        const id = `${client}:${round % 10}`
        order(writer, { do: 'invalidate', id })
        await writer.next('done')
        order(reader, { do: 'read', id, callers: 3, value: round * 2, hold: true })
        await reader.next('loading') // The reader has loaded the old row.
        order(writer, { do: round % 2 === 0 ? 'invalidate' : 'mutate', id })
        await writer.next('done') // The new row is acknowledged.
        order(reader, { do: 'release' })
        await reader.next('read') // Only now would the old row be stored.
        order(writer, { do: 'read', id, callers: 3, value: round * 2 + 1, hold: false })
        const { values } = await writer.next<Read>('read')
        if (values.join() !== String(round * 2 + 1)) stale.push(`round ${round}: ${values.join()}`)
      }
      expect(stale).toEqual([])
    })

    it('loads a cold key once for 4 processes × 250 callers', async () => {
      await using group = await readers(4, { client, waitFor: 20_000 })
      for (let round = 0; round < 5; round++) {
        for (const reader of group.processes)
          reader.send({
            do: 'read',
            id: `cold ${client} ${round}`,
            callers: 250,
            value: round,
            hold: false,
            takes: 200,
          } satisfies Order)
        const reads = await Promise.all(group.processes.map((reader) => reader.next<Read>('read')))
        expect(reads.reduce((sum, { loads }) => sum + loads, 0)).toBe(1)
        expect(reads.flatMap(({ values }) => values)).toEqual([round, round, round, round])
      }
    })

    it('answers the others within leaseTtl after the loading process was killed', async () => {
      const leaseTtl = 1_000
      await using group = await readers(3, { client, leaseTtl, waitFor: 60_000 })
      const [holder, ...others] = group.processes
      const id = `killed ${client}`
      holder!.send({ do: 'read', id, callers: 1, value: 1, hold: true } satisfies Order)
      await holder!.next('loading')
      for (const other of others)
        other.send({ do: 'read', id, callers: 50, value: 2, hold: false } satisfies Order)
      await holder!.kill('SIGKILL')
      const reads = await Promise.all(
        others.map((other) => other.next<Read>('read', { timeout: 20_000 })),
      )
      expect(reads.map(({ values }) => values)).toEqual([[2], [2]])
      expect(reads.reduce((sum, { loads }) => sum + loads, 0)).toBe(1)
      // The waits end with the lease, and not with the much longer `waitFor`. A busy machine may
      // need more time.
      for (const { slowest } of reads) expect(slowest).toBeLessThan(leaseTtl + 5_000)
    })
  },
  120_000,
)
