import { createHook } from 'node:async_hooks'
import { describe, expect, it } from 'vitest'
import type { CacheClient, LoadPolicyOptions } from '../src/index.js'
import {
  LoadPolicy,
  ReadPath,
  checkOptions,
  createFormat,
  loadPolicyOptions,
} from '../src/internal.js'
import { onEach } from './cases.js'

const HITS = 1_000
const format = createFormat<number>()

/** How many timers come to be while `work` runs. */
async function timersOf(work: () => Promise<unknown>): Promise<number> {
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

async function oneByOne(hit: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < HITS; i++) await hit()
}

async function together(hit: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: HITS / 10 }, hit))
}

onEach((bench) => {
  const ways: readonly (readonly [
    what: string,
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
        return (key) => path.get(key, loadsNothing)
      },
    ],
    [
      'a ReadPath that serves stale values',
      (client) => {
        const path = pathOf(client, { staleWhileRevalidate: '1h', earlyRefresh: true })
        return (key) => path.get(key, loadsNothing)
      },
    ],
    [
      'a ReadPath, of many',
      (client) => {
        const path = pathOf(client)
        return async (key) => (await path.getMany([key], async () => loadsNothing()))[0]
      },
    ],
  ]

  describe.each(ways)('a hit through %s', (_, way) => {
    it.each([
      ['one after the other', oneByOne],
      ['a hundred at once', together],
    ])('allocates no timer: %s', async (_how, round) => {
      const client = bench().newClient()
      // So long that not even the shared one is armed again meanwhile.
      await client.entries.put('a', format, 5, { ttl: 7_200_000 })
      const hit = way(client)
      for (let i = 0; i < 20; i++) expect(await hit('a')).toBe(5)
      // What the test runner and the clients do meanwhile is not much; a timer a hit would be a
      // thousand.
      expect(await timersOf(() => round(() => hit('a')))).toBeLessThan(HITS / 50)
    })
  })

  it('timers are seen where there is one for each', async () => {
    expect(
      await timersOf(() => oneByOne(() => new Promise((resolve) => setTimeout(resolve)))),
    ).toBeGreaterThanOrEqual(HITS)
  })
})

function pathOf(
  client: CacheClient,
  options: Partial<LoadPolicyOptions<number>> = {},
): ReadPath<number> {
  const all: LoadPolicyOptions<number> = { ttl: '1h', ...options }
  return new ReadPath(
    client,
    'n',
    new LoadPolicy(checkOptions('test', all, loadPolicyOptions), all),
  )
}

function loadsNothing(): never {
  throw new Error('it was a hit')
}
