import { describe, expect, it } from 'vitest'
import type { CacheClient, LoadPolicyOptions } from '../src/index.js'
import {
  LoadPolicy,
  ReadPath,
  readOptions,
  createFormat,
  createToken,
  loadPolicyOptions,
} from '../src/internal.js'
import { onEach } from './cases.js'

const format = createFormat<number>()
const COUNTED_COMMANDS = [
  'GET',
  'MGET',
  'SET',
  'EVAL',
  'EVALSHA',
  'DEL',
  'EXISTS',
  'PTTL',
  'EXPIRE',
  'PEXPIRE',
]

function pathOf(
  client: CacheClient,
  options: Partial<LoadPolicyOptions<number>> = {},
): ReadPath<number> {
  const all: LoadPolicyOptions<number> = { ttl: '1h', ...options }
  return new ReadPath(client, 'n', new LoadPolicy(readOptions('test', loadPolicyOptions, all)))
}

onEach((bench) => {
  /**
   * Returns the commands that `work` sends when connections are open and scripts are loaded. They
   * are sequential, so each is a round trip.
   */
  async function commandsOf(
    work: (client: CacheClient, key: string) => Promise<unknown>,
  ): Promise<readonly string[]> {
    const client = bench().newClient()
    for (let i = 0; i < 3; i++) await work(client, `{t}warm ${i}`)
    // What they have sent without waiting for the reply is executed before this.
    await client.send({ args: ['TYPE', '{t}'], keys: ['{t}'] })
    const watched = await bench().watch()
    await work(client, '{t}measured')
    return (await watched.commands(...COUNTED_COMMANDS)).map(([name]) => name!.toUpperCase())
  }

  const load = (): Promise<number> => Promise.resolve(5)

  describe('round trips', () => {
    it('of a miss through a ReadPath: read, lease, fill', async () => {
      expect(await commandsOf((client, key) => pathOf(client).get(key, load))).toEqual([
        'GET',
        'EVALSHA',
        'EVALSHA',
      ])
    })

    it('of a miss after many misses: lease, fill', async () => {
      const paths = new Map<CacheClient, ReadPath<number>>()
      const commands = await commandsOf(async (client, key) => {
        let path = paths.get(client)
        if (!path) {
          paths.set(client, (path = pathOf(client)))
          for (let i = 0; i < 50; i++) await path.get(`{t}missed ${i}`, load)
        }
        await path.get(key, load)
      })
      expect(commands).toEqual(['EVALSHA', 'EVALSHA'])
    })

    it.each<[string, Partial<LoadPolicyOptions<number>>]>([
      ['stale values', { staleWhileRevalidate: '1m', staleIfError: '1m' }],
      ['an early refresh', { earlyRefresh: true }],
      ['versions', { version: (value) => value }],
      ['one load per process', { stampede: 'process' }],
      ['one load per caller', { stampede: 'off' }],
      ['a ttl that is a function', { ttl: () => '1m' }],
      ['timeouts', { loadTimeout: { soft: '1s', hard: '2s' } }],
    ])('of a miss with %s: at most three', async (_, options) => {
      expect(
        (await commandsOf((client, key) => pathOf(client, options).get(key, load))).length,
      ).toBeLessThanOrEqual(3)
    })

    it('of a miss with no value to store: read, lease, release', async () => {
      expect(
        await commandsOf(async (client, key) => {
          await pathOf(client)
            .get(key, () => {
              throw new Error('no')
            })
            .catch(() => undefined)
        }),
      ).toEqual(['GET', 'EVALSHA', 'EVALSHA'])
      expect(await commandsOf((client, key) => pathOf(client).get(key, () => null))).toEqual([
        'GET',
        'EVALSHA',
        'EVALSHA',
      ])
    })

    it('of a hit: one', async () => {
      const fill = async (client: CacheClient, key: string): Promise<unknown> =>
        client.entries.put(key, format, 5, { ttl: 60_000 })
      for (const [options, command] of [
        [{}, 'GET'],
        [{ staleWhileRevalidate: '10s' }, 'EVALSHA'],
      ] as const) {
        const commands = await commandsOf(async (client, key) => {
          await fill(client, key)
          expect(await pathOf(client, options).get(key, load)).toBe(5)
        })
        expect(commands.slice(2)).toEqual([command])
      }
    })

    it('of many misses in one slot, loaded together: read, leases, fills', async () => {
      const commands = await commandsOf((client, key) =>
        pathOf(client).getMany(
          Array.from({ length: 50 }, (_, i) => `${key} ${i}`),
          async (keys) => keys.map(() => 5),
        ),
      )
      expect(commands).toEqual(['MGET', 'EVALSHA', 'EVALSHA'])
    })

    it('of many misses in one slot, by single calls in one tick: read, leases, fills', async () => {
      const commands = await commandsOf(async (client, key) => {
        const path = pathOf(client)
        await Promise.all(Array.from({ length: 50 }, (_, i) => path.get(`${key} ${i}`, load)))
      })
      expect(commands).toEqual(['MGET', 'EVALSHA', 'EVALSHA'])
    })

    it('of a miss with the steps of the entry store: read, lease, fill', async () => {
      const commands = await commandsOf(async ({ entries }, key) => {
        const token = createToken()
        expect(await entries.read(key, format)).toBeUndefined()
        expect((await entries.lease(key, format, { token, ttl: 1_000 })).status).toBe('leased')
        expect(await entries.fill(key, format, token, 5, { ttl: 60_000 })).toBe(true)
      })
      expect(commands).toEqual(['GET', 'EVALSHA', 'EVALSHA'])
    })

    it('of a write: two; of an invalidation of many keys in one slot: one', async () => {
      expect(
        await commandsOf((client, key) => client.entries.put(key, format, 5, { ttl: 60_000 })),
      ).toEqual(['EVALSHA', 'EVALSHA'])
      expect(
        await commandsOf(async (client, key) => {
          const token = createToken()
          await client.entries.beginWrite([key], token, 1_000)
          await client.entries.commitWrite(key, token, { format, value: 5, ttl: 60_000 })
        }),
      ).toEqual(['EVALSHA', 'EVALSHA'])
      expect(
        await commandsOf((client, key) =>
          client.entries.invalidate(Array.from({ length: 50 }, (_, i) => `${key} ${i}`)),
        ),
      ).toEqual(['EVALSHA'])
    })
  })
})
