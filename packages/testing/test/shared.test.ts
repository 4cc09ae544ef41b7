import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { startRedis, type RedisServer } from '../src/index.js'

describe('the Redis in REDIS_URL', () => {
  let provided: RedisServer
  beforeAll(
    async () =>
      void (provided = await startRedis({ password: 'secret', config: { databases: '6' } })),
  )
  afterAll(() => provided.stop())
  beforeEach(() => vi.stubEnv('REDIS_URL', provided.url))
  afterEach(() => vi.unstubAllEnvs())

  it('lends each borrower a different database, which is empty', async () => {
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

  it('keeps its database 0, and databases that hold keys of other programs', async () => {
    await provided.cli('SET', 'precious', 'x')
    await provided.cli('EVAL', "redis.call('SELECT', 3) redis.call('SET', 'precious', 'x')", 0)
    const borrowed: RedisServer[] = []
    await expect(
      (async () => {
        for (;;) borrowed.push(await startRedis({ shared: true }))
      })(),
    ).rejects.toThrow(/All 6 databases/)
    expect(borrowed.map(({ database }) => database).sort()).toEqual([1, 2, 4])
    await Promise.all(borrowed.map((server) => server.stop()))
    expect(await provided.cli('GET', 'precious')).toBe('x')
  })

  it('refuses kill, pause, resume, restart, fill and empty', async () => {
    await using redis = await startRedis({ shared: true })
    for (const control of ['kill', 'pause', 'resume', 'restart', 'fill', 'empty'] as const)
      await expect(redis[control]()).rejects.toThrow(new RegExp(`can't ${control} it`))
    expect(await redis.cli('PING')).toBe('PONG')
  })

  it('is not used by startRedis() if a server can be started', async () => {
    await using redis = await startRedis()
    expect(redis.port).not.toBe(provided.port)
    expect(redis.pid).not.toBe(provided.pid)
  })

  it('is used by startRedis() without a binary, if no option requires a new server', async () => {
    vi.stubEnv('PATH', '/nowhere')
    vi.stubEnv('REDIS_SERVER', '')
    await using redis = await startRedis()
    expect([redis.port, redis.database]).toEqual([provided.port, 1])
  })
})
