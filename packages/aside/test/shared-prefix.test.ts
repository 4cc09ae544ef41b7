import { createCacheClient, v8, type Driver, type Schema } from '@cache/core'
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createAside, createReadThrough } from '../src/index.js'

const unused = (): never => {
  throw new Error('nothing is to be sent')
}

function newClient(namespace: string) {
  const driver: Driver = {
    name: 'none',
    topology: 'standalone',
    send: unused,
    group: unused,
    dedicate: unused,
    subscribe: unused,
    nodes: unused,
    close: async () => undefined,
  }
  return createCacheClient(driver, { namespace })
}

const schema = (): Schema<string> => ({
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as string }) },
})

describe('two caches with the same prefix', () => {
  const emitted = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  beforeEach(() => emitted.mockClear())
  afterAll(() => emitted.mockRestore())
  afterEach(() => vi.unstubAllEnvs())

  it('cause one warning if their codecs differ', () => {
    const client = newClient('codecs')
    createAside<string>({ client, prefix: 'text', ttl: '1h' })
    for (let i = 0; i < 2; i++)
      createAside<string>({ client, prefix: 'text', ttl: '1h', codec: v8 })
    expect(emitted).toHaveBeenCalledTimes(1)
    const [message, options] = emitted.mock.calls[0] as unknown as [string, object]
    expect(message).toContain('Two caches use the prefix "text"')
    expect(options).toEqual({ type: 'CacheWarning', code: 'CACHE_SHARED_PREFIX' })
  })

  it('cause a warning if their schemas differ', () => {
    const client = newClient('schemas')
    for (let i = 0; i < 2; i++)
      createAside<string>({ client, prefix: 'text', ttl: '1h', schema: schema() })
    expect(emitted).toHaveBeenCalledTimes(1)
  })

  it('cause none if they look alike, or belong to different clients', () => {
    const shared = schema()
    for (const client of [newClient('a'), newClient('a'), newClient('b')]) {
      createAside<string>({ client, prefix: 'text', ttl: '1h', schema: shared })
      createReadThrough({ client, prefix: 'text', ttl: '5m', schema: shared, load: () => 'x' })
      createAside<string>({ client, prefix: 'other', ttl: '1h', codec: v8 })
    }
    expect(emitted).not.toHaveBeenCalled()
  })

  it('cause none in production', () => {
    vi.stubEnv('NODE_ENV', 'production')
    const client = newClient('production')
    createAside<string>({ client, prefix: 'text', ttl: '1h' })
    createAside<string>({ client, prefix: 'text', ttl: '1h', codec: v8 })
    expect(emitted).not.toHaveBeenCalled()
  })
})
