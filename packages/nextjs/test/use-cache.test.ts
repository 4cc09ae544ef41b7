import { startRedis, type RedisServer } from '@cache/testkit'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { clientNames, Clients } from './clients.js'
import { entryOf, HOUR, now, textOf, UseCacheInstance } from './entries.js'

describe.each(clientNames)('createUseCacheHandler on %s', (name) => {
  const clients = new Clients()
  let server: RedisServer
  let one: UseCacheInstance
  let other: UseCacheInstance
  beforeAll(async () => {
    server = await startRedis()
  })
  beforeEach(() => {
    one = new UseCacheInstance({ client: clients.create(name, server.url) })
    other = new UseCacheInstance({ client: clients.create(name, server.url) })
  })
  afterEach(async () => {
    await clients.end()
    await server.cli('FLUSHALL')
  })
  afterAll(() => server.stop())

  it('serves on one instance what another has stored, byte by byte', async () => {
    const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 256)
    await one.handler.set('key', Promise.resolve(entryOf(bytes, { tags: ['a'] })))
    for (const { handler } of [one, other, other]) {
      const entry = (await handler.get('key', []))!
      expect(new Uint8Array(await new Response(entry.value).arrayBuffer())).toEqual(bytes)
      expect(entry).toMatchObject({ tags: ['a'], stale: 30, expire: 2 * HOUR, revalidate: HOUR })
    }
    expect(await other.get('another key')).toBeUndefined()
  })

  it('keeps the age of an entry, whatever the clocks of the instances say', async () => {
    const timestamp = now() - 100_000
    await one.set('key', 'text', { timestamp })
    const entry = (await other.handler.get('key', []))!
    // The round trip counts: an entry never looks younger than it is.
    expect(entry.timestamp).toBeLessThanOrEqual(timestamp + 1)
    expect(entry.timestamp).toBeGreaterThan(timestamp - 10_000)
  })

  it('holds a get until the set of the same process is done', async () => {
    let complete!: () => void
    const pending = new Promise<void>((resolve) => (complete = resolve))
    const stored = one.handler.set(
      'key',
      pending.then(() => entryOf('text')),
    )
    const got = one.get('key')
    expect(await Promise.race([got, sleep(50, 'waits')])).toBe('waits')
    complete()
    expect(await got).toBe('text')
    await stored
  })

  it('stores nothing of a stream that breaks off, and never rejects', async () => {
    const value = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array([1, 2, 3]))
        controller.error(new Error('The render was aborted.'))
      },
    })
    await one.handler.set('key', Promise.resolve(entryOf('', { value })))
    await one.handler.set('key', Promise.reject(new Error('The function threw.')))
    expect(await one.get('key')).toBeUndefined()
    expect(await other.get('key')).toBeUndefined()
  })

  it('stores no entry that Next.js would not serve again', async () => {
    await one.set('dynamic', 'text', { expire: 0 })
    await one.set('old', 'text', { timestamp: now() - 10 * HOUR * 1_000 })
    expect(await one.get('dynamic')).toBeUndefined()
    expect(await one.get('old')).toBeUndefined()
    expect((await server.cli('DBSIZE')).trim()).toBe('0')
  })

  it('does not wait for the other branch of a stream', async () => {
    const client = clients.create(name, server.url)
    const small = new UseCacheInstance({ client, maxValueBytes: '1kb' })
    for (const [expire, unit] of [
      [0, 10],
      [HOUR, 2_000],
    ] as const) {
      const endless = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(unit)),
      })
      const [value, kept] = endless.tee()
      const stored = small.handler.set('key', Promise.resolve(entryOf('', { value, expire })))
      const got = Promise.all([stored, small.get('key')])
      expect(await Promise.race([got, sleep(5_000, 'hangs')])).not.toBe('hangs')
      await kept.cancel()
    }
  })

  it('stores no entry above maxValueBytes', async () => {
    const client = clients.create(name, server.url)
    const small = new UseCacheInstance({ client, maxValueBytes: '1kb' })
    await small.set('key', 'x'.repeat(2_000))
    expect(await small.get('key')).toBeUndefined()
    await small.set('key', 'x')
    expect(await small.get('key')).toBe('x')
  })

  it('expires an entry in Redis when Next.js would no longer use it', async () => {
    await one.set('key', 'text', { expire: 100, timestamp: now() - 50_000 })
    const [key] = (await server.cli('KEYS', '*use-cache*')).trim().split('\n')
    const ttl = Number(await server.cli('PTTL', key!))
    expect(ttl).toBeGreaterThan(0)
    expect(ttl).toBeLessThanOrEqual(50_000)
  })

  it('updateTag on one instance holds on every instance for the next get', async () => {
    for (let i = 0; i < 20; i++) {
      await one.set('key', `text ${i}`, { tags: ['a', 'b'] })
      await one.set('unrelated', 'text', { tags: ['c'] })
      expect(await other.get('key')).toBe(`text ${i}`)
      await (i % 2 ? one : other).handler.updateTags(['b'])
      expect(await one.get('key')).toBeUndefined()
      expect(await other.get('key')).toBeUndefined()
      expect(await other.get('unrelated')).toBe('text')
    }
  })

  it('revalidatePath holds for soft tags, which entries do not carry', async () => {
    const page = ['_N_T_/layout', '_N_T_/a/page', '_N_T_/a']
    await one.set('key', 'text', { tags: ['x'] })
    expect(await one.get('key', page)).toBe('text')
    await other.handler.updateTags(['_N_T_/a'])
    expect(await one.get('key', page)).toBeUndefined()
    // On another page, the entry is still valid.
    expect(await one.get('key', ['_N_T_/layout', '_N_T_/b'])).toBe('text')
    await one.set('key', 'new', { tags: ['x'] })
    expect(await other.get('key', page)).toBe('new')
  })

  it('revalidateTag with a profile marks stale now, and expires later', async () => {
    await one.set('key', 'old', { tags: ['a'] })
    await one.set('soft', 'old')
    await other.handler.updateTags(['a', '_N_T_/p'], { expire: 1 })
    expect(await one.look('key')).toEqual({ text: 'old', isStale: true })
    expect(await other.look('soft', ['_N_T_/p'])).toEqual({ text: 'old', isStale: true })
    await one.set('fresh', 'new', { tags: ['a'] })
    expect(await other.look('fresh')).toEqual({ text: 'new', isStale: false })
    await expect.poll(() => other.get('key')).toBeUndefined()
    await expect.poll(() => one.get('soft', ['_N_T_/p'])).toBeUndefined()
    // What was generated after the revalidation is not concerned.
    expect(await one.look('fresh')).toEqual({ text: 'new', isStale: false })
  })

  it("revalidateTag with the profile 'max' keeps stale entries, and new ones fresh", async () => {
    await one.set('key', 'old', { tags: ['a'] })
    for (const expire of [31_536_000, 4_294_967_294, undefined]) {
      await other.handler.updateTags(['a'], expire === undefined ? {} : { expire })
      expect(await one.look('key')).toMatchObject({ isStale: true })
      await one.set('key', 'new', { tags: ['a'] })
      expect(await other.look('key')).toEqual({ text: 'new', isStale: false })
    }
  })

  it('a later revalidation never revives what an earlier one has expired', async () => {
    await one.set('key', 'old', { tags: ['a'] })
    await one.handler.updateTags(['a'])
    await one.handler.updateTags(['a'], { expire: 1_000 })
    expect(await one.get('key')).toBeUndefined()
    await one.set('key', 'old', { tags: ['a'] })
    await one.handler.updateTags(['a'], { expire: 0.05 })
    await one.handler.updateTags(['a'], { expire: 1_000 })
    await expect.poll(() => one.get('key')).toBeUndefined()
    await one.set('key', 'new', { tags: ['a'] })
    await one.handler.updateTags(['a'], { expire: 1_000 })
    expect(await one.look('key')).toEqual({ text: 'new', isStale: true })
  })

  it('a fill that began before an invalidation is not stored', async () => {
    await one.set('other', 'text', { tags: ['a'] })
    const began = now()
    await other.handler.updateTags(['a'])
    await one.set('key', 'stale', { tags: ['a'], timestamp: began })
    expect(await one.get('key')).toBeUndefined()
    expect(await other.get('key')).toBeUndefined()
    await one.set('key', 'fresh', { tags: ['a'] })
    expect(await other.get('key')).toBe('fresh')
  })

  it('a fill that began before a mark is stored as stale', async () => {
    const began = now()
    await sleep(20)
    await other.handler.updateTags(['a', 'b'], { expire: 1_000 })
    await one.set('key', 'text', { tags: ['a', 'b'], timestamp: began })
    expect(await other.look('key')).toEqual({ text: 'text', isStale: true })
  })

  it('a fill that began before revalidatePath is not served on that path', async () => {
    const began = now()
    await sleep(20)
    await other.handler.updateTags(['_N_T_/a'])
    await one.set('key', 'stale', { timestamp: began })
    expect(await one.get('key', ['_N_T_/a'])).toBeUndefined()
    expect(await one.get('key', ['_N_T_/b'])).toBe('stale')
  })

  it('getExpiration leaves the soft tags to get', async () => {
    await one.handler.refreshTags()
    expect(await one.handler.getExpiration(['a'])).toBe(Infinity)
  })

  it('builds share no entries, but revalidations', async () => {
    const client = clients.create(name, server.url)
    const next = new UseCacheInstance({ client, deploymentId: 'next build' })
    await one.set('key', 'old build', { tags: ['a'] })
    expect(await next.get('key')).toBeUndefined()
    await next.set('key', 'new build', { tags: ['a'] })
    expect(await one.get('key')).toBe('old build')
    expect(await next.get('key')).toBe('new build')
    await one.handler.updateTags(['a'])
    expect(await one.get('key')).toBeUndefined()
    expect(await next.get('key')).toBeUndefined()
  })

  it('accepts tags of any content', async () => {
    const tags = ['', ' ', 'a:b', 'ü', '\n', '\ud800', '{x}', '%', '*', 'x'.repeat(10_000)]
    await one.set('key\n\u0000', 'text', { tags })
    for (const tag of tags) {
      await one.set('key', 'text', { tags })
      expect(await other.get('key', [tag])).toBe('text')
      await other.handler.updateTags([tag])
      expect(await one.get('key'), JSON.stringify(tag)).toBeUndefined()
    }
  })

  it('an entry that cannot be decoded is a miss', async () => {
    await one.set('key', 'text')
    const [key] = (await server.cli('KEYS', '*use-cache*')).trim().split('\n')
    for (const value of ['', 'text', '\u0001\u0002']) {
      await server.cli('SET', key!, value)
      expect(await textOf(await one.handler.get('key', []))).toBeUndefined()
    }
    await one.set('key', 'text')
    expect(await one.get('key')).toBe('text')
  })
})
