import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clientNames } from './clients.js'
import { AppCopy, AppInstance, buildApp, RoundRobin, Source } from './next-app.js'

/** A request that hangs fails its test by then. */
const SOON = 30_000

/** A test sends many requests to servers that may share a busy machine. */
const PATIENT = 120_000

let builtOutput: string
beforeAll(async () => {
  // Nobody listens there. A build that connects to Redis fails, or never ends.
  builtOutput = await buildApp({ REDIS_URL: 'redis://127.0.0.1:1' })
}, 300_000)

it('builds without Redis', () => {
  expect(builtOutput).not.toContain('connecting to Redis')
  expect(builtOutput).not.toMatch(/ECONNREFUSED|unhandled/i)
})

describe.each(process.env.CHAOS ? clientNames : ['ioredis'])('an application on %s', (name) => {
  const source = new Source()
  const balancer = new RoundRobin()
  const instances: AppInstance[] = []
  let redis: RedisServer
  let balanced: string
  let environment: Record<string, string>

  beforeAll(async () => {
    redis = await startRedis()
    environment = {
      REDIS_URL: redis.url,
      REDIS_CLIENT: name,
      READ_TIMEOUT: '2000',
      SOURCE_URL: await source.start(),
    }
    instances.push(
      ...(await Promise.all([AppInstance.start(environment), AppInstance.start(environment)])),
    )
    balanced = await balancer.start(instances)
  }, PATIENT)
  afterAll(async () => {
    await Promise.all(instances.map((instance) => instance.stop()))
    await Promise.all([balancer.stop(), source.stop(), redis?.stop()])
  }, PATIENT)

  async function get(url: string): Promise<string> {
    const response = await fetch(url, { signal: AbortSignal.timeout(SOON) })
    expect(response.status, url).toBe(200)
    return response.text()
  }

  /** Returns what a page shows of the source. */
  async function item(id: string, base = balanced): Promise<string> {
    const html = (await get(`${base}/item/${id}`)).replaceAll('<!-- -->', '')
    return /<main>(.*?)<\/main>/.exec(html)![1]!
  }

  const data = async (id: string, base = balanced) =>
    JSON.parse(await get(`${base}/data?id=${id}`)) as Record<string, unknown>

  const post = (path: string, base = balanced) =>
    fetch(base + path, { method: 'POST', signal: AbortSignal.timeout(SOON) })

  const revalidate = async (query: string, base = balanced) => {
    expect((await post(`/acknowledge?${query}`, base)).status).toBe(204)
  }

  /** Calls `updateTag` as a browser without JavaScript does. */
  async function update(base: string): Promise<number> {
    const form = await get(`${base}/action`)
    const body = new FormData()
    body.set(/name="(\$ACTION_ID_[^"]+)"/.exec(form)![1]!, '')
    const signal = AbortSignal.timeout(SOON)
    return (await fetch(`${base}/action`, { method: 'POST', body, signal })).status
  }

  const everywhere = <T>(ask: (base: string) => Promise<T>): Promise<T[]> =>
    Promise.all(instances.map(({ url }) => ask(url)))

  it('an instance serves what another has rendered', { timeout: PATIENT }, async () => {
    const shared = '[item-shared 1] [page-shared 1]'
    expect(await item('shared')).toBe(shared)
    expect(await everywhere((base) => item('shared', base))).toEqual([shared, shared])
    // Next.js may answer before it has stored data.
    const seen = () => everywhere((base) => data('shared', base))
    await expect
      .poll(async () => new Set((await seen()).map((each) => JSON.stringify(each))).size)
      .toBe(1)
    for (const each of await seen())
      expect(each).toMatchObject({ cached: 'item-shared 1', isIntact: true })
    // The client navigates with the payload of a page, which is bytes as well.
    const payloads = await everywhere((base) =>
      fetch(`${base}/item/shared`, { headers: { rsc: '1' } }).then((response) => response.text()),
    )
    for (const payload of payloads) expect(payload).toContain('item-shared 1')
  })

  it(
    'serves what the build has rendered, until a tag is revalidated',
    { timeout: PATIENT },
    async () => {
      const route = async (base = balanced) =>
        Buffer.from(await (await fetch(`${base}/route`)).arrayBuffer())
      const bytes = (text: string) => Buffer.from([0, 255, 254, ...Buffer.from(text)])
      const built = '[item-built: built] [page-built: built]'
      expect(await everywhere((base) => item('built', base))).toEqual([built, built])
      expect(await everywhere(route)).toEqual([bytes('route: built'), bytes('route: built')])
      expect(source.counts.get('page-built')).toBeUndefined()
      await revalidate('tag=page-built')
      await revalidate('tag=route')
      for (const ask of [balanced, ...instances.map(({ url }) => url)]) {
        expect(await item('built', ask)).toContain('[page-built 1]')
        expect(await route(ask)).toEqual(bytes('route 1'))
      }
    },
  )

  it.each([
    ['revalidateTag of a page', 'tag=page-t1', 't1', /page-t1 2/],
    ['revalidateTag of data in a page', 'tag=items', 't2', /item-t2 2/],
    ['revalidatePath', 'path=/item/t3', 't3', /page-t3 2/],
    ['revalidatePath of a layout', 'path=/item/[id]&type=layout', 't4', /page-t4 2/],
  ])(
    '%s holds on every instance for the next request',
    { timeout: PATIENT },
    async (_, query, id, expected) => {
      const before = await item(id)
      expect(await everywhere((base) => item(id, base))).toEqual([before, before])
      await revalidate(query, instances[0]!.url)
      const [after, same] = [await item(id, instances[1]!.url), await item(id, instances[0]!.url)]
      expect(after).toMatch(expected)
      expect(same).toBe(after)
    },
  )

  it('revalidateTag holds for fetch and unstable_cache', { timeout: PATIENT }, async () => {
    const loads = (name: string) => source.counts.get(`${name}-d`) ?? 0
    for (let i = 0; i < 4; i++) {
      const before = { unstable: loads('unstable'), fetched: loads('fetched') }
      for (const { url } of i % 2 ? instances : [...instances].reverse()) {
        const seen = await data('d', url)
        for (const name of ['unstable', 'fetched'] as const)
          expect(Number(String(seen[name]).split(' ')[1])).toBeGreaterThan(before[name])
      }
      await revalidate('tag=unstable', instances[i % 2]!.url)
      await revalidate('tag=fetched', instances[i % 2]!.url)
    }
  })

  it('revalidateTag of a Route Handler reaches every instance', { timeout: PATIENT }, async () => {
    const before = await item('route')
    expect(await (await post('/revalidate?tag=page-route')).json()).toEqual({ revalidated: true })
    // Next.js answers before it has called the handlers.
    await expect.poll(() => everywhere((base) => item('route', base))).not.toContain(before)
  })

  it('updateTag in a server action holds on every instance', { timeout: PATIENT }, async () => {
    const before = await item('action')
    const [one, other] = instances.map(({ url }) => url)
    expect(await update(one!)).toBe(200)
    const after = await item('action', other)
    expect(after).not.toBe(before)
    expect(after).toContain('item-action 2')
    expect(await item('action', one)).toBe(after)
  })

  it('a stale page is served while one instance regenerates it', { timeout: PATIENT }, async () => {
    const before = await item('stale')
    const release = source.hold()
    await revalidate('tag=page-stale&expire=3600')
    const rendered = () => source.counts.get('page-stale')
    for (let i = 0; i < 4; i++)
      expect(await everywhere((base) => item('stale', base))).toEqual([before, before])
    await expect.poll(rendered).toBe(2)
    expect(await everywhere((base) => item('stale', base))).toEqual([before, before])
    release()
    await expect.poll(() => item('stale'), { timeout: 20_000 }).toContain('page-stale 2')
    for (let i = 0; i < 3; i++)
      for (const page of await everywhere((base) => item('stale', base)))
        expect(page).toContain('page-stale 2')
    expect(rendered()).toBe(2)
  })

  it('a new deployment renders pages of its own', { timeout: PATIENT }, async () => {
    const env = { ...environment, NEXT_DEPLOYMENT_ID: 'next' }
    await expectOwnPages('deploy', () => AppInstance.start(env))
  })

  it.runIf(process.env.CHAOS)(
    'a new build, with an id of its own, renders pages of its own',
    { timeout: 300_000 },
    async () => {
      using copy = new AppCopy()
      await buildApp({ REDIS_URL: 'redis://127.0.0.1:1' }, copy.folder)
      await expectOwnPages('build', () => AppInstance.start(environment, copy.folder))
    },
  )

  /** Starts an instance of a new deployment beside the others. */
  async function expectOwnPages(id: string, start: () => Promise<AppInstance>): Promise<void> {
    const next = await start()
    instances.push(next)
    try {
      expect(await item(id, instances[0]!.url)).toContain(`page-${id} 1`)
      expect(await item(id, next.url)).toContain(`page-${id} 2`)
      expect(await item(id, instances[1]!.url)).toContain(`page-${id} 1`)
      // fetch and unstable_cache are shared, and revalidations reach all builds.
      await data(id, instances[0]!.url)
      await expect
        .poll(async () => (await data(id, next.url))['fetched'])
        .toBe((await data(id, instances[0]!.url))['fetched'])
      await revalidate(`tag=page-${id}`, next.url)
      expect(await item(id, instances[0]!.url)).toContain(`page-${id} 3`)
      expect(await item(id, next.url)).toContain(`page-${id} 4`)
    } finally {
      instances.pop()
      await next.stop()
    }
  }

  describe.each([
    ['paused', 'pause', 'resume'],
    ['killed', 'kill', 'restart'],
  ] as const)('while Redis is %s', (state, stop, startAgain) => {
    it(
      'pages are rendered, and failed revalidations are reported',
      { timeout: PATIENT },
      async () => {
        const id = `outage-${state}`
        await item(id)
        await redis[stop]()
        try {
          for (let i = 0; i < 3; i++) {
            for (const page of await everywhere((base) => item(id, base)))
              expect(page).toContain(id)
            for (const each of await everywhere((base) => data(id, base)))
              expect(each['cached']).toContain(`item-${id}`)
          }
          for (const { url } of instances) {
            expect((await post(`/acknowledge?tag=page-${id}`, url)).status).toBe(500)
            expect(await update(url)).toBe(500)
          }
        } finally {
          await redis[startAgain]()
        }
        const isShared = async () => {
          const pages = await everywhere((base) => item(id, base))
          const again = await everywhere((base) => item(id, base))
          return pages[0] === pages[1] && again[0] === pages[0] && again[1] === pages[0]
        }
        await expect.poll(isShared, { timeout: 20_000 }).toBe(true)
        await expect
          .poll(async () => (await post(`/acknowledge?tag=page-${id}`)).status, { timeout: 20_000 })
          .toBe(204)
      },
    )
  })

  it('each instance has one client, and nothing was rejected unseen', async () => {
    for (const { output } of instances) {
      expect(output().match(/connecting to Redis/g)).toHaveLength(1)
      expect(output()).not.toMatch(/unhandledRejection|MaxListeners/)
    }
  })
})
