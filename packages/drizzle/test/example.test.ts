import { startRedis } from '@cache/testkit'
import { expect, it, vi } from 'vitest'

it('the example of the README prints what it says', async () => {
  const redis = await startRedis()
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  vi.stubEnv('REDIS_URL', redis.url)
  try {
    await import('./example.js')
    expect(log.mock.calls.map(([shown]) => shown as unknown)).toEqual([
      [{ id: 42, name: 'chair' }],
      [{ id: 42, name: 'chair' }],
      [{ id: 42, name: 'armchair' }],
      1,
    ])
  } finally {
    vi.unstubAllEnvs()
    log.mockRestore()
    await redis.stop()
  }
})
