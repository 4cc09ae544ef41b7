import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { startRedis, type RedisServer } from '../src/index.js'

describe('a Redis that REDIS_URL names', () => {
  let theirs: RedisServer
  beforeAll(
    async () =>
      void (theirs = await startRedis({ password: 'secret', config: { databases: '6' } })),
  )
  afterAll(() => theirs.stop())
  beforeEach(() => vi.stubEnv('REDIS_URL', theirs.url))
  afterEach(() => vi.unstubAllEnvs())

  it('lends each borrower a database of its own, and gets it back empty', async () => {
    const [first, second] = await Promise.all([
      startRedis({ shared: true }),
      startRedis({ shared: true }),
    ])
    expect(first.database).not.toBe(second.database)
    expect(new URL(first.url).pathname).toBe(`/${first.database}`)
    await first.cli('SET', 'key', 'first')
    expect(await second.cli('GET', 'key')).toBe('')
    await second.cli('SET', 'key', 'second')
    await second.flush()
    expect(await first.cli('GET', 'key')).toBe('first')
    await first.stop()
    await second.stop()
    await using next = await startRedis({ shared: true })
    expect([first.database, second.database]).toContain(next.database)
    expect(await next.cli('DBSIZE')).toBe('0')
  })

  it('keeps its database 0, and those with keys of somebody else, to itself', async () => {
    await theirs.cli('SET', 'precious', 'x')
    await theirs.cli('EVAL', "redis.call('SELECT', 3) redis.call('SET', 'precious', 'x')", 0)
    const borrowed: RedisServer[] = []
    await expect(
      (async () => {
        for (;;) borrowed.push(await startRedis({ shared: true }))
      })(),
    ).rejects.toThrow(/All 6 databases/)
    expect(borrowed.map(({ database }) => database).sort()).toEqual([1, 2, 4])
    await Promise.all(borrowed.map((server) => server.stop()))
    expect(await theirs.cli('GET', 'precious')).toBe('x')
  })

  it('can not be killed, paused, resumed, restarted, filled or emptied by a borrower', async () => {
    await using redis = await startRedis({ shared: true })
    for (const control of ['kill', 'pause', 'resume', 'restart', 'fill', 'empty'] as const)
      await expect(redis[control]()).rejects.toThrow(new RegExp(`can't ${control} it`))
    expect(await redis.cli('PING')).toBe('PONG')
  })

  it("is not what startRedis() starts where a server of one's own can be had", async () => {
    await using redis = await startRedis()
    expect(redis.port).not.toBe(theirs.port)
    expect(redis.pid).not.toBe(theirs.pid)
  })

  it("takes the place of a server of one's own where there is no binary, unless an option needs one", async () => {
    vi.stubEnv('PATH', '/nowhere')
    vi.stubEnv('REDIS_SERVER', '')
    await using redis = await startRedis()
    expect([redis.port, redis.database]).toEqual([theirs.port, 1])
  })
})
