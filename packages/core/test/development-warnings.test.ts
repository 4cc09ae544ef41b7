import type * as Core from '../src/index.js'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

/** A copy of the package that has not warned yet. */
async function freshCore(): Promise<typeof Core> {
  vi.resetModules()
  return import('../src/index.js')
}

const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)

describe('a bare ttl under 1000', () => {
  beforeEach(() => emitted.mockClear())
  afterEach(() => vi.unstubAllEnvs())

  it('warns once, with the number, and what to write instead', async () => {
    const { parseDuration } = await freshCore()
    parseDuration(60, 'ttl')
    parseDuration(61, 'ttl')
    parseDuration(62, 'negativeTtl')
    expect(emitted).toHaveBeenCalledTimes(1)
    const [message, options] = emitted.mock.calls[0] as unknown as [string, object]
    expect(message).toContain('"ttl" is 60, which is 60 milliseconds')
    expect(message).toContain("'60s'")
    expect(options).toEqual({ type: 'CacheWarning', code: 'CACHE_SHORT_TTL' })
  })

  it('does not warn with a unit, for a longer time, or for another duration', async () => {
    const { parseDuration } = await freshCore()
    parseDuration('60ms', 'ttl')
    parseDuration(1_000, 'ttl')
    parseDuration(50, 'leaseTtl')
    parseDuration(50, 'timeout')
    expect(() => parseDuration(0, 'ttl')).toThrow()
    expect(emitted).not.toHaveBeenCalled()
  })

  it('does not warn in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    const { parseDuration } = await freshCore()
    parseDuration(60, 'ttl')
    expect(emitted).not.toHaveBeenCalled()
  })
})
