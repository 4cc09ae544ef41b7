import { startRedis } from '@cache/testkit'
import { afterAll, expect, it } from 'vitest'
import { Clients } from './clients.js'
import {
  entryOf,
  fetched,
  incrementalInstance,
  lifetime,
  page,
  UseCacheInstance,
} from './entries.js'

const COUNT = process.env.CHAOS ? 10_000 : 1_500
/** More than a process remembers. */
const MANY = 10_000
const clients = new Clients()
const servers: { stop(): unknown }[] = []
afterAll(async () => {
  await clients.end()
  for (const server of servers) await server.stop()
})

async function inParts(count: number, step: (i: number) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i += 200)
    await Promise.all(Array.from({ length: Math.min(200, count - i) }, (_, j) => step(i + j)))
}

it(
  `${COUNT} pages and their data: a revalidation costs one command`,
  { timeout: 120_000 },
  async () => {
    const server = await startRedis()
    servers.push(server)
    const client = clients.create('ioredis', server.url)
    const pages = incrementalInstance({ client })
    const data = new UseCacheInstance({ client })
    const tagsOf = (i: number) => ['all', `page-${i}`, '_N_T_/layout', `_N_T_/p/${i}`]
    const forPage = { kind: 'APP_PAGE', isFallback: false }
    await inParts(COUNT, async (i) => {
      await pages().set(`/p/${i}`, page(`page ${i}`, tagsOf(i)), { cacheControl: lifetime })
      await data.handler.set(
        `item ${i}`,
        Promise.resolve(entryOf('x', { tags: ['all', `i-${i}`] })),
      )
      await pages().set(`f${i}`, fetched('x', ['all']), { fetchCache: true, tags: ['all'] })
    })
    const commands = async () => {
      const info = await server.cli('INFO', 'commandstats')
      return [...info.matchAll(/calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0)
    }
    const memory = async () =>
      Number(/used_memory:(\d+)/.exec(await server.cli('INFO', 'memory'))![1])

    expect(await pages().get('/p/77', forPage)).not.toBeNull()
    const before = { keys: await server.cli('DBSIZE'), memory: await memory() }
    const began = await commands()
    for (let i = 0; i < 100; i++) await pages().revalidateTag('all')
    // Each is a script of a few commands. Asking Redis costs commands as well.
    expect((await commands()) - began).toBeLessThan(100 * 8)
    expect(await server.cli('DBSIZE')).toBe(before.keys)
    expect((await memory()) - before.memory).toBeLessThan(1024 ** 2)
    await inParts(COUNT, async (i) => {
      expect(await pages().get(`/p/${i}`, forPage)).toBeNull()
      expect(await data.get(`item ${i}`)).toBeUndefined()
      expect(await pages().get(`f${i}`, { kind: 'FETCH', tags: ['all'] })).toBeNull()
    })
    // One key for each entry, and one for each tag.
    expect(Number(before.keys)).toBe(3 * COUNT + 3 * COUNT + 2)
  },
)

it.runIf(process.env.CHAOS)(
  'the memory of a process does not grow with the entries that it has seen',
  { timeout: 120_000 },
  async () => {
    const server = await startRedis()
    servers.push(server)
    const client = clients.create('ioredis', server.url)
    const data = new UseCacheInstance({ client })
    const long = 'x'.repeat(200)
    const round = (offset: number) =>
      inParts(MANY, async (i) => {
        await data.get(`missing ${long} ${offset + i}`)
        const tags = [`${long} ${offset + i}`]
        await data.handler.set(`key ${offset + i}`, Promise.resolve(entryOf('x', { tags })))
      })
    const used = () => {
      global.gc?.()
      return process.memoryUsage().heapUsed
    }
    await round(0)
    await round(MANY)
    const before = used()
    await round(2 * MANY)
    await round(3 * MANY)
    expect(used() - before).toBeLessThan(32 * 1024 ** 2)
  },
)
