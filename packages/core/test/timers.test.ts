import { createHook } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import type { CacheClient, LoadPolicyOptions } from '../src/index.js'
import {
  LoadPolicy,
  ReadPath,
  readOptions,
  createFormat,
  loadPolicyOptions,
} from '../src/internal.js'
import { onEach } from './cases.js'

const HITS = 1_000
const format = createFormat<number>()

/** Returns the number of timers that are created while `work` runs. */
async function countTimers(work: () => Promise<unknown>): Promise<number> {
  let timers = 0
  const hook = createHook({
    init: (_, type) => {
      if (type === 'Timeout') timers++
    },
  }).enable()
  await work()
  hook.disable()
  return timers
}

async function sequentially(hit: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < HITS; i++) await hit()
}

async function concurrently(hit: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: HITS / 10 }, hit))
}

onEach((bench) => {
  const reads: readonly (readonly [
    name: string,
    hit: (client: CacheClient) => (key: string) => Promise<unknown>,
  ])[] = [
    ['entries.read', (client) => async (key) => (await client.entries.read(key, format))?.value],
    [
      'entries.readWithLife',
      (client) => async (key) => (await client.entries.readWithLife(key, format))?.value,
    ],
    [
      'a ReadPath',
      (client) => {
        const path = pathOf(client)
        return (key) => path.get(key, neverLoads)
      },
    ],
    [
      'a ReadPath that serves stale values',
      (client) => {
        const path = pathOf(client, { staleWhileRevalidate: '1h', earlyRefresh: true })
        return (key) => path.get(key, neverLoads)
      },
    ],
    [
      'a ReadPath, of many',
      (client) => {
        const path = pathOf(client)
        return async (key) => (await path.getMany([key], async () => neverLoads()))[0]
      },
    ],
  ]

  describe.each(reads)('a hit through %s', (_, createHit) => {
    it.each([
      ['one after the other', sequentially],
      ['a hundred at once', concurrently],
    ])('allocates no timer: %s', async (_order, repeat) => {
      const client = bench().newClient()
      // The ttl is so long that not even the shared timer is set again in between.
      await client.entries.put('a', format, 5, { ttl: 7_200_000 })
      const hit = createHit(client)
      for (let i = 0; i < 20; i++) expect(await hit('a')).toBe(5)
      // The test runner and the clients create a few timers. One per hit would be a thousand.
      expect(await countTimers(() => repeat(() => hit('a')))).toBeLessThan(HITS / 50)
    })
  })

  it('the count sees one timer per call', async () => {
    expect(
      await countTimers(() => sequentially(() => new Promise((resolve) => setTimeout(resolve)))),
    ).toBeGreaterThanOrEqual(HITS)
  })
})

function pathOf(
  client: CacheClient,
  options: Partial<LoadPolicyOptions<number>> = {},
): ReadPath<number> {
  const all: LoadPolicyOptions<number> = { ttl: '1h', ...options }
  return new ReadPath(client, 'n', new LoadPolicy(readOptions('test', loadPolicyOptions, all)))
}

function neverLoads(): never {
  throw new Error('The loader was called, but the read should be a hit.')
}
