import { channels, type CacheClient, type Messages } from '@cache/core'
import { startRedis } from '@cache/testkit'
import { afterEach, describe, expect, it } from 'vitest'
import { clientNames, Clients } from './clients.js'
import { fetched, HOUR, incrementalInstance, lifetime, page, UseCacheInstance } from './entries.js'

/** A request waits for Redis at most this long, a few times. */
const resilience = {
  readTimeout: 200,
  writeTimeout: 300,
  breaker: { failures: 3, cooldown: 200 },
} as const
/** A request that hangs fails its test by then. */
const SOON = 10_000

const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

const forPage = { kind: 'APP_PAGE', isFallback: false }

describe.each(clientNames)('on %s', (name) => {
  const clients = new Clients()
  const stops: (() => unknown)[] = []
  afterEach(async () => {
    await clients.end()
    for (const stop of stops.splice(0)) await stop()
    expect(unhandled).toEqual([])
  })

  async function start() {
    const server = await startRedis()
    stops.push(() => server.stop())
    return { server, client: clients.create(name, server.url, resilience) }
  }

  function instance(client: CacheClient) {
    return { data: new UseCacheInstance({ client }), pages: incrementalInstance({ client }) }
  }

  const within = async <T>(work: Promise<T>): Promise<T> => {
    const begun = performance.now()
    try {
      return await work
    } finally {
      expect(performance.now() - begun).toBeLessThan(SOON)
    }
  }

  it('data of a request that Redis did not answer is not stored after a revalidation', async () => {
    const { server, client } = await start()
    const newRequest = incrementalInstance({ client })
    const write = { fetchCache: true, tags: ['a'] }
    const request = newRequest()
    const get = () => request.get('hash', { kind: 'FETCH', tags: ['a'] })
    await server.pause()
    expect(await get()).toBeNull()
    await server.resume()
    await expect
      .poll(() =>
        newRequest()
          .revalidateTag('a')
          .then(
            () => true,
            () => false,
          ),
      )
      .toBe(true)
    expect(await get()).toBeNull()
    await request.set('hash', fetched('old', ['a']), write)
    expect(await get()).toBeNull()
  })

  describe.each([
    ['paused', 'pause', 'resume'],
    ['killed', 'kill', 'restart'],
  ] as const)('while Redis is %s', (_, stop, startAgain) => {
    it('every get is a miss, every set resolves, and both work again afterwards', async () => {
      const { server, client } = await start()
      const { data, pages } = instance(client)
      const reported: Messages['error'][] = []
      const listen = (message: unknown) => reported.push(message as Messages['error'])
      channels.error.subscribe(listen)
      stops.push(() => channels.error.unsubscribe(listen))
      const works = async () => {
        await data.set('key', 'text', { tags: ['a'] })
        await pages().set('/p', page('html', ['a']), { cacheControl: lifetime })
        return (await data.get('key')) === 'text' && (await pages().get('/p', forPage)) !== null
      }
      await within(works())
      await server[stop]()
      for (let i = 0; i < 4; i++) {
        await within(
          Promise.all([
            data.set('key', 'text', { tags: ['a', 'b'] }),
            pages().set('/p', page('html', ['a']), { cacheControl: lifetime }),
          ]),
        )
        expect(await within(data.get('key', ['_N_T_/x']))).toBeUndefined()
        expect(await within(pages().get('/p', forPage))).toBeNull()
      }
      expect(reported.map(({ operation }) => operation)).toEqual(
        expect.arrayContaining([
          'next use cache get',
          'next use cache set',
          'next incremental cache get',
          'next incremental cache set',
        ]),
      )
      await server[startAgain]()
      await expect.poll(works).toBe(true)
    })

    it('an invalidation is reported, and can be repeated', async () => {
      const { server, client } = await start()
      const { data, pages } = instance(client)
      await data.set('key', 'text', { tags: ['a'] })
      await pages().set('/p', page('html', ['a']), { cacheControl: lifetime })
      await server[stop]()
      await expect(within(data.handler.updateTags(['a']))).rejects.toThrow()
      await expect(within(data.handler.updateTags(['a'], { expire: 9 }))).rejects.toThrow()
      await expect(within(pages().revalidateTag('a'))).rejects.toThrow()
      await server[startAgain]()
      await expect
        .poll(() =>
          data.handler.updateTags(['a']).then(
            () => true,
            () => false,
          ),
        )
        .toBe(true)
      expect(await data.get('key')).toBeUndefined()
      expect(await pages().get('/p', forPage)).toBeNull()
    })
  })

  it('a set that Redis executes late does not bring back what was invalidated', async () => {
    const { server, client } = await start()
    const { data } = instance(client)
    const other = instance(clients.create(name, server.url)).data
    for (let i = 0; i < 3; i++) {
      await expect
        .poll(() => data.set('key', 'old', { tags: ['a'] }).then(() => data.get('key')))
        .toBe('old')
      await server.pause()
      // It times out, and its commands stay in the socket.
      await within(data.set('key', 'stale', { tags: ['a'] }))
      const invalidated = other.handler.updateTags(['a'])
      await server.resume()
      await invalidated
      for (let round = 0; round < 5; round++) expect(await other.get('key')).toBeUndefined()
    }
  })

  it('a stale page is served if nobody can claim its regeneration', async () => {
    const { server, client } = await start()
    const { pages } = instance(client)
    await pages().set('/p', page('old', ['a']), { cacheControl: lifetime })
    await pages().revalidateTag('a', { expire: HOUR })
    await server.fill()
    expect((await pages().get('/p', forPage))?.value).toMatchObject({ html: 'old' })
    await server.empty()
  })
})
