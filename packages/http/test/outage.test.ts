import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '@cache/testkit'
import { eventually } from '@cache/testkit'
import { afterEach, describe, expect, it } from 'vitest'
import { createHttpCache, createIdempotency } from '../src/index.js'
import { clientNames, Clients, Gate } from './clients.js'

/** Requests wait for Redis at most this long, a few times. */
const resilience = {
  readTimeout: 200,
  writeTimeout: 300,
  breaker: { failures: 3, cooldown: 200 },
} as const
/** A request that hangs fails its test by then. */
const SOON = 10_000

const unhandled: unknown[] = []
process.on('unhandledRejection', (error) => unhandled.push(error))

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

  const page = () => new Response('page', { headers: { 'cache-control': 'max-age=60' } })
  const url = 'https://shop.test/page'
  const within = async <T>(work: Promise<T>): Promise<T> => {
    const begun = performance.now()
    const result = await work
    expect(performance.now() - begun).toBeLessThan(SOON)
    return result
  }

  describe.each([
    ['paused', 'pause', 'resume'],
    ['killed', 'kill', 'restart'],
  ] as const)('while Redis is %s', (_, stop, startAgain) => {
    it('renders every request, and caches again afterwards', async () => {
      const { server, client } = await start()
      const cache = createHttpCache({ client, prefix: 'pages' })
      const handle = (request = new Request(url)) => cache.handle(request, page)
      await eventually(async () => (await handle()).headers.get('cache-status')!.includes('hit'))
      await server[stop]()
      for (let i = 0; i < 5; i++) {
        const responses = await within(Promise.all([handle(), handle(), handle()]))
        for (const response of responses) expect(await response.text()).toBe('page')
      }
      const posted = await within(handle(new Request(url, { method: 'POST' })))
      expect(await posted.text()).toBe('page')
      await expect(within(cache.purgeUrls(url))).rejects.toThrow()
      await server[startAgain]()
      await eventually(async () => (await handle()).headers.get('cache-status')!.includes('hit'))
    })

    it('shares a rendering among the requests of one process', async () => {
      const { server, client } = await start()
      const cache = createHttpCache({ client, prefix: 'pages' })
      await server[stop]()
      const gate = new Gate()
      let renders = 0
      const answers = [1, 2, 3].map(() =>
        cache.handle(new Request(url), async () => {
          renders++
          await gate.opened
          return page()
        }),
      )
      await eventually(() => renders > 0)
      await sleep(300) // Longer than the timeouts of the others.
      gate.open()
      const texts = (await within(Promise.all(answers))).map((answer) => answer.text())
      expect(await Promise.all(texts)).toEqual(['page', 'page', 'page'])
      expect(renders).toBe(1)
      if (stop === 'pause') await server.resume()
    })

    it('serves private pages to their visitors only', async () => {
      const { server, client } = await start()
      const cache = createHttpCache({ client, prefix: 'pages' })
      await server[stop]()
      const gate = new Gate()
      const answers = ['ann', 'bob', 'cy'].map((user) =>
        cache.handle(new Request(url, { headers: { 'x-user': user } }), async (request) => {
          await gate.opened
          return new Response(request.headers.get('x-user'), {
            headers: { 'cache-control': 'private' },
          })
        }),
      )
      gate.open()
      const texts = (await within(Promise.all(answers))).map((answer) => answer.text())
      expect(await Promise.all(texts)).toEqual(['ann', 'bob', 'cy'])
      if (stop === 'pause') await server.resume()
    })

    it("refuses requests with a key, or runs them with onOutage: 'run'", async () => {
      const { server, client } = await start()
      const options = { client, prefix: 'keys', scope: () => '' }
      const request = () =>
        new Request(url, { method: 'POST', body: 'x', headers: { 'idempotency-key': 'k' } })
      let runs = 0
      await server[stop]()
      const refused = await within(
        createIdempotency(options).handle(request(), () => {
          runs++
          return new Response('')
        }),
      )
      expect(refused.status).toBe(503)
      expect(runs).toBe(0)
      const ran = await within(
        createIdempotency({ ...options, onOutage: 'run' }).handle(request(), (_, context) => {
          expect(context.isProtected).toBe(false)
          return new Response('ran')
        }),
      )
      expect(await ran.text()).toBe('ran')
      await server[startAgain]()
      // A claim that Redis executed late is given back.
      await eventually(
        async () =>
          (await createIdempotency(options).handle(request(), () => new Response(''))).status ===
          200,
      )
    })
  })

  it('tells a run whose claim may end, and keeps the claim if Redis is back in time', async () => {
    const { server, client } = await start()
    const options = { client, prefix: 'keys', scope: () => '', claimTtl: '1500ms' } as const
    const request = () =>
      new Request(url, { method: 'POST', body: 'x', headers: { 'idempotency-key': 'k' } })
    const gate = new Gate()
    let signal: AbortSignal | undefined
    const first = createIdempotency(options).handle(request(), async (_, context) => {
      signal = context.signal
      await gate.opened
      return new Response('charged')
    })
    await eventually(() => signal)
    await server.pause()
    await eventually(() => signal!.aborted)
    expect(signal!.reason).toMatchObject({ name: 'ClaimLostError', code: 'CLAIM_LOST' })
    await server.resume()
    // The handler goes on nevertheless. Unless another run has begun, its claim is renewed.
    const claim = async () => (await server.cli('KEYS', '*:claim')) !== ''
    await eventually(claim)
    const retry = await createIdempotency(options).handle(request(), () => new Response('twice'))
    expect(retry.status).toBe(409)
    gate.open()
    expect(await (await first).text()).toBe('charged')
  })

  it('renders while Redis is full, and refuses requests with a key', async () => {
    const { client } = await start()
    const cache = createHttpCache({ client, prefix: 'pages' })
    const idempotency = createIdempotency({ client, prefix: 'keys', scope: () => '' })
    const limit = (bytes: string) =>
      client.send({ args: ['CONFIG', 'SET', 'maxmemory', bytes], keys: ['any'] })
    const tagged = () =>
      new Response('page', { headers: { 'cache-control': 'max-age=60', 'cache-tag': 'a' } })
    await limit('1')
    for (const handler of [page, tagged]) {
      const response = await within(cache.handle(new Request(url), handler))
      expect(await response.text()).toBe('page')
    }
    const key = { 'idempotency-key': 'k' }
    const post = () => new Request(url, { method: 'POST', headers: key })
    expect((await idempotency.handle(post(), page)).status).toBe(503)
    await limit('0')
    await eventually(async () => (await idempotency.handle(post(), page)).status === 200)
    await eventually(async () =>
      (await cache.handle(new Request(url), tagged)).headers.get('cache-status')!.includes('hit'),
    )
  })

  it('answers although Redis dies meanwhile, and stores the response later', async () => {
    const { server, client } = await start()
    const idempotency = createIdempotency({ client, prefix: 'keys', scope: () => '' })
    const request = () =>
      new Request(url, { method: 'POST', body: 'x', headers: { 'idempotency-key': 'k' } })
    const response = await within(
      idempotency.handle(request(), async () => {
        await server.pause()
        return new Response('charged')
      }),
    )
    expect(await response.text()).toBe('charged')
    await server.resume()
    await eventually(async () => {
      const retry = await idempotency.handle(request(), () => new Response('charged twice'))
      if (retry.status === 200) expect(await retry.text()).toBe('charged')
      return retry.headers.get('idempotency-replayed') === 'true'
    })
  })
})
