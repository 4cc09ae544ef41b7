import { describe, expect, it } from 'vitest'
import { createVersioned } from '../src/index.js'
import { onEach } from './cases.js'
import { GROUP, counter, race, versioned } from './race.js'

const WRITES = process.env.CHAOS ? 10_000 : 80

onEach((bench) => {
  const lose = () => bench.ask('DEL', `shop:version-of:${GROUP}`)

  describe(`${WRITES} bumps race loads while versions get lost`, () => {
    it.each([
      { strategy: 'stamp', learnt: false },
      { strategy: 'stamp', learnt: true },
      { strategy: 'key', learnt: false },
    ] as const)(
      'nothing stale: strategy $strategy, groups learnt from the value: $learnt',
      async (options) => {
        const { stale, reads, loads } = await race(
          [0, 1, 2].map(() => versioned(bench.newClient(), { ...options, clockSkew: 1 })),
          WRITES,
          lose,
        ) // There is only one clock here, so entries are cached.
        expect(stale).toEqual([])
        expect(loads).toBeGreaterThan(WRITES / 8)
        expect(reads).toBeGreaterThan(loads)
      },
      600_000,
    )

    it('a counter that begins at 0 brings dead entries back to life', async () => {
      let staleReads = 0
      for (let round = 0; round < 10 && staleReads === 0; round++)
        staleReads = (
          await race(
            [0, 1, 2].map(() => counter(bench.newClient())),
            300,
            lose,
          )
        ).stale.length
      expect(staleReads).toBeGreaterThan(0)
    }, 60_000)
  })

  describe.each([
    ['known before', () => ['g']],
    ['learnt from the value', (_: unknown, value?: string) => value && ['g']],
  ] as const)('groups %s', (_, groups) => {
    /** A cache whose loads are held until told. */
    function held() {
      const loads: { done(value: string): void }[] = []
      const values = createVersioned<string, string>({
        client: bench.newClient(),
        prefix: 'v',
        ttl: '1h',
        clockSkew: 1,
        groups: groups as () => readonly string[],
        load: () => new Promise((done) => loads.push({ done })),
      })
      const loading = async (count: number) => {
        await expect.poll(() => loads.length, { timeout: 5_000, interval: 1 }).toBe(count)
      }
      return { values, loads, loading }
    }

    it.each(['the same process', 'another process'])(
      'who joins a load after a bump of %s never gets what it loads',
      async (who) => {
        const [reader, writer] = [held(), held()]
        const first = reader.values.get('a')
        await reader.loading(1)
        await (who === 'the same process' ? reader : writer).values.bump('g')
        const second = reader.values.get('a')
        reader.loads[0]!.done('old')
        expect(await first).toBe('old')
        await reader.loading(2)
        reader.loads[1]!.done('new')
        expect(await second).toBe('new')
        const third = reader.values.get('a')
        if ((await Promise.race([third, reader.loading(3)])) === undefined)
          reader.loads[2]!.done('new')
        expect(await third).toBe('new')
      },
    )

    it('a value that was loaded before a bump and stored after it is not read', async () => {
      const [reader, writer] = [held(), held()]
      const first = reader.values.get('a')
      await reader.loading(1)
      await writer.values.bump('g')
      reader.loads[0]!.done('old')
      expect(await first).toBe('old')
      expect(await writer.values.peek('a')).toBeUndefined()
      const second = writer.values.get('a')
      await writer.loading(1)
      writer.loads[0]!.done('new')
      expect(await second).toBe('new')
    })

    it('a load from before a bump is not read if the version was lost', async () => {
      const [reader, writer] = [held(), held()]
      const first = reader.values.get('a')
      await reader.loading(1)
      await writer.values.bump('g')
      await bench.ask('DEL', 'shop:version-of:g')
      reader.loads[0]!.done('old')
      expect(await first).toBe('old')
      expect(await writer.values.peek('a')).toBeUndefined()
      expect(await reader.values.peek('a')).toBeUndefined()
    })

    it('a bumped entry is not served if its reload throws, with any stale option', async () => {
      let row: string | Error = 'old'
      const values = createVersioned<string, string>({
        client: bench.newClient(),
        prefix: 'v',
        ttl: '1h',
        clockSkew: 1,
        staleWhileRevalidate: '1h',
        staleIfError: '1h',
        groups: groups as () => readonly string[],
        load: async () => {
          if (row instanceof Error) throw row
          return row
        },
      })
      for (let i = 0; i < 3; i++) await values.get('a')
      expect(await values.peek('a')).toBe('old')
      row = new Error('no database')
      await values.bump('g')
      await expect(values.get('a')).rejects.toThrow('no database')
      expect(await values.peek('a')).toBeUndefined()
    })

    it('a stale entry is served while it is reloaded, unless its group was bumped', async () => {
      let row = 1
      const values = createVersioned<number, string>({
        client: bench.newClient(),
        prefix: 'v',
        ttl: 50,
        clockSkew: 1,
        staleWhileRevalidate: '1h',
        groups: groups as () => readonly string[],
        load: async () => row,
      })
      for (let i = 0; i < 3; i++) await values.get('a')
      row = 2
      await expect.poll(() => values.get('a'), { timeout: 5_000, interval: 5 }).toBe(2)
      // The entry is stale by then, which makes the next line harder.
      await new Promise((resolve) => setTimeout(resolve, 60))
      row = 3
      await values.bump('g')
      expect(await values.get('a')).toBe(3)
    })
  })

  it('a version of another type is replaced, and values are cached', async () => {
    await bench.ask('LPUSH', 'shop:version-of:g', 'x')
    let loads = 0
    const values = createVersioned<number, string>({
      client: bench.newClient(),
      prefix: 'v',
      ttl: '1h',
      groups: () => ['g'],
      load: async () => ++loads,
    })
    for (let i = 0; i < 30; i++) await values.get('a')
    expect(loads).toBe(1)
    await bench.ask('DEL', 'shop:version-of:g')
    await bench.ask('LPUSH', 'shop:version-of:g', 'x')
    await values.bump('g')
    expect(await values.get('a')).toBe(2)
    expect(await values.peek('a')).toBe(2)
  })
})
