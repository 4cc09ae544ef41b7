import { mkdir } from 'node:fs/promises'
import { startRedis, type RedisServer } from '@cache/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCacheClient, type CacheClient } from '../src/index.js'
import {
  LoadPolicy,
  ReadPath,
  loadPolicyOptions,
  readOptions,
  createFormat,
  createToken,
} from '../src/internal.js'
import { flavours, type Made } from './drivers/clients.js'

const format = createFormat<string>()
const LONG = 600_000

describe.each(flavours)('over $name, on a full server', ({ standalone }) => {
  let server: RedisServer
  let made: Made
  let client: CacheClient
  beforeEach(async () => {
    server = await startRedis()
    made = standalone(server.url)
    client = createCacheClient(made.driver, {
      resilience: { readTimeout: '20s', writeTimeout: '20s' },
    })
    await client.entries.put('k', format, 'old', { ttl: LONG })
  })
  afterEach(async () => {
    await client.close()
    await made[Symbol.asyncDispose]()
    await server.stop()
  })

  const lease = async (token: string) =>
    (await client.entries.lease('k', format, { token, ttl: LONG, staleBelow: 'all' })).status
  const value = async () => (await client.entries.read('k', format))?.value

  it('entries can be deleted and made stale', async () => {
    await server.fill()
    await expect(client.send({ args: ['SET', 'x', 'x'], keys: ['x'] })).rejects.toMatchObject({
      code: 'OOM',
    })
    expect(await client.entries.expire(['k'], 60_000)).toBe(1)
    expect(await client.entries.invalidate(['k'])).toBe(1)
    expect(await value()).toBeUndefined()
  })

  it('an entry can be deleted during a write, which then stores nothing', async () => {
    await client.entries.beginWrite(['k'], 'writer', LONG)
    await server.fill()
    expect(await client.entries.invalidate(['k'])).toBe(1)
    expect(
      await client.entries.commitWrite('k', 'writer', { format, value: 'new', ttl: LONG }),
    ).toBe('deleted')
  })

  it('leases can be released', async () => {
    for (const skipFor of [0, 50]) {
      const token = createToken()
      expect(await lease(token)).toBe('leased')
      await server.fill()
      expect(await client.entries.release('k', token, skipFor)).toBe(true)
      await server.empty()
      await expect.poll(() => lease(createToken()), { timeout: 10_000 }).toBe('leased')
      await client.entries.invalidate(['k'])
    }
  })

  it('a write of the source can begin, and end with or without a value', async () => {
    await server.fill()
    await client.entries.beginWrite(['k'], 'a', LONG)
    await client.entries.commitWrite('k', 'a')
    expect(await value()).toBeUndefined()
    await client.entries.beginWrite(['k'], 'b', LONG)
    expect(await client.entries.commitWrite('k', 'b', { format, value: 'new', ttl: LONG })).toBe(
      'stored',
    )
  })

  it('a read answers, even if it must not load during an outage', async () => {
    const policy = new LoadPolicy<string>(readOptions('test', loadPolicyOptions, { ttl: LONG }), {
      inOutage: 'reject',
    })
    const path = new ReadPath<string>(client, 'test', policy)
    await server.fill()
    for (const key of ['k', 'other'])
      expect(await path.get(key, async () => 'loaded')).toBe(key === 'k' ? 'old' : 'loaded')
    expect(await path.getMany(['k', 'other'], async (keys) => keys.map(() => 'loaded'))).toEqual([
      'old',
      'loaded',
    ])
  })

  it('a read answers if Redis can’t save to disk, but not if its data may be old', async () => {
    const policyOf = (inOutage: 'load' | 'reject') =>
      new LoadPolicy<string>(readOptions('test', loadPolicyOptions, { ttl: LONG }), { inOutage })
    const [loading, rejecting] = (['load', 'reject'] as const).map(
      (inOutage) => new ReadPath<string>(client, 'test', policyOf(inOutage)),
    )
    const load = async (): Promise<string> => 'loaded'
    await mkdir(`${server.directory}/dump.rdb`) // the path that Redis saves to
    await server.cli('CONFIG', 'SET', 'save', '3600 1000000')
    await server.cli('BGSAVE')
    await expect
      .poll(() => server.cli('SET', 'x', 'x').catch((error: Error) => error.message), {
        timeout: 10_000,
      })
      .toMatch(/^MISCONF/)
    for (const path of [loading!, rejecting!])
      expect(await path.getMany(['k', 'other'], async (keys) => keys.map(() => 'loaded'))).toEqual([
        'old',
        'loaded',
      ])
    expect(await rejecting!.get('other', load)).toBe('loaded')
    await server.cli('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no')
    await server.cli('CONFIG', 'SET', 'min-replicas-to-write', '1')
    expect(await loading!.get('third', load)).toBe('loaded')
    await expect(rejecting!.get('third', load)).rejects.toMatchObject({ code: 'NOREPLICAS' })
  })

  it('a value that can’t be stored is refused, and leaves no lease', async () => {
    const token = createToken()
    expect(await lease(token)).toBe('leased')
    await server.fill()
    await expect(client.entries.fill('k', format, token, 'x', { ttl: LONG })).rejects.toMatchObject(
      { code: 'OOM' },
    )
    await expect(client.entries.put('k', format, 'x', { ttl: LONG })).rejects.toMatchObject({
      code: 'OOM',
    })
    expect(await server.cli('EXISTS', '{k}:lease')).toBe('0')
  })
})
