import { createAside } from '@cache/aside'
import { createCacheClient, encrypted, json, type CacheClient } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signed } from './signed.js'

const secret = Buffer.alloc(32, 7)

describe('signed', () => {
  let client: CacheClient
  const send = (...args: [string, ...(string | Buffer)[]]) =>
    client.send({ args, keys: [String(args[1])], binary: true })
  const makeUsers = (codec = signed<string>(json, secret)) =>
    createAside<string>({ client, prefix: 'user', ttl: '1h', negativeTtl: '1h', codec })

  beforeEach(() => (client = createCacheClient(memoryDriver())))
  afterEach(() => client.close())

  it('returns what was stored, and remembers that there is no value', async () => {
    const users = makeUsers()
    expect(await users.getOrLoad(1, () => 'Ada')).toBe('Ada')
    expect(await users.getOrLoad(1, () => 'other')).toBe('Ada')
    expect(await users.getOrLoad(2, () => undefined as never)).toBeUndefined()
    expect(await users.has(2)).toBe(true)
  })

  it('takes a changed payload, and one of another key, for a miss', async () => {
    const users = makeUsers()
    await users.set(1, 'Ada')
    const stored = (await send('GET', 'user:1')) as Buffer
    await send('SET', 'user:2', stored)
    expect(await users.peek(2)).toBeUndefined()

    stored[stored.length - 2]! ^= 1
    await send('SET', 'user:1', stored)
    expect(await users.peek(1)).toBeUndefined()
    expect(await users.getOrLoad(1, () => 'loaded')).toBe('loaded')
  })

  it('takes a forged "there is none" for a miss', async () => {
    const [users, forger] = [makeUsers(), makeUsers(signed(json, Buffer.alloc(32, 8)))]
    await forger.getOrLoad(3, () => undefined as never)
    expect(await users.has(3)).toBe(false)
  })

  it('passes on what the codec inside it seals', async () => {
    const users = makeUsers(signed(encrypted(json, { keys: { a: Buffer.alloc(32, 1) } }), secret))
    await users.getOrLoad(1, () => 'Ada')
    await users.getOrLoad(2, () => undefined as never)
    expect(await users.peek(1)).toBe('Ada')
    expect(await users.has(2)).toBe(true)
  })

  it('refuses a short secret', () => {
    expect(() => signed(json, Buffer.from('short'))).toThrow(/secret/)
  })
})
