import { startProxy, startRedis, type RedisServer, type TcpProxy } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createCacheClient, type CacheClient, type ClientOptions } from '../src/index.js'
import { createFormat, createToken } from '../src/internal.js'
import { flavours, recovered, type Made } from './drivers/clients.js'

const format = createFormat<string>()
const LONG = 600_000
const IMPATIENT: ClientOptions = {
  resilience: { readTimeout: '150ms', writeTimeout: '150ms', breaker: { failures: 1_000 } },
}
const PATIENT: ClientOptions = { resilience: { readTimeout: '20s', writeTimeout: '20s' } }

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

describe.each(flavours)('steps without a reply, over $name', ({ standalone }) => {
  let proxy: TcpProxy
  let made: Made[]
  /** The client whose connection fails. */
  let client: CacheClient
  /** A client that stands for another process. */
  let other: CacheClient
  beforeEach(async () => {
    await server.flush()
    proxy = await startProxy(server)
    made = [standalone(proxy.url), standalone(server.url)]
    client = createCacheClient(made[0]!.driver, IMPATIENT)
    other = createCacheClient(made[1]!.driver, PATIENT)
    for (const { driver } of made) await recovered(driver)
    // Load the scripts, so that each step is one command.
    const token = createToken()
    await other.entries.lease('warm', format, { token, ttl: LONG })
    await other.entries.fill('warm', format, token, 'x', { ttl: LONG })
    await other.entries.beginWrite(['warm'], token, LONG)
    await other.entries.commitWrite('warm', token)
    await other.entries.invalidate(['warm'])
  })
  afterEach(async () => {
    await Promise.all([client.close(), other.close()])
    await proxy.close()
    for (const connection of made) await connection[Symbol.asyncDispose]()
  })

  const requestLease = (by: CacheClient, key: string) =>
    by.entries.lease(key, format, { token: createToken(), ttl: LONG })
  const waitUntilGivenUp = () =>
    expect.poll(() => server.cli('ZCARD', '{k}:intents'), { timeout: 10_000 }).toBe('1')

  /**
   * Runs a step that gets no reply, until its client has reconnected and given it up. `deliver`
   * then delivers the step to the server.
   */
  async function runUndelivered(
    step: () => Promise<unknown>,
  ): Promise<{ deliver(): Promise<void> }> {
    const held = proxy.hold()
    await expect(step()).rejects.toThrow()
    proxy.drop()
    await waitUntilGivenUp()
    return held
  }

  it('a lease whose request got no reply is released as soon as Redis answers', async () => {
    await server.pause()
    await expect(requestLease(client, 'k')).rejects.toThrow()
    await server.resume()
    await expect
      .poll(async () => (await requestLease(other, 'k')).status, { timeout: 10_000 })
      .toBe('leased')
  })

  it('a release that failed is retried', async () => {
    const token = createToken()
    await client.entries.lease('k', format, { token, ttl: LONG })
    await proxy.cut()
    await expect(client.entries.release('k', token)).rejects.toThrow()
    await proxy.pass()
    await expect
      .poll(async () => (await requestLease(other, 'k')).status, { timeout: 10_000 })
      .toBe('leased')
  })

  it('a request for a lease that arrives late is not granted', async () => {
    const held = await runUndelivered(() => requestLease(client, 'k'))
    await held.deliver()
    expect(await requestLease(other, 'k')).toMatchObject({ status: 'leased' })
  })

  it('a put that arrives late leaves no lease, and takes none from a running load', async () => {
    const held = await runUndelivered(() => client.entries.put('k', format, 'old', { ttl: LONG }))
    const token = createToken()
    expect(await other.entries.lease('k', format, { token, ttl: LONG })).toMatchObject({
      status: 'leased',
    })
    await held.deliver()
    expect(await other.entries.fill('k', format, token, 'loaded', { ttl: LONG })).toBe(true)
  })

  it('a begin that arrives late blocks no fill, and overlaps with no other write', async () => {
    const held = await runUndelivered(() => client.entries.beginWrite(['k'], createToken(), LONG))
    const token = createToken()
    await other.entries.beginWrite(['k'], token, LONG)
    await held.deliver()
    expect(await other.entries.commitWrite('k', token, { format, value: 'new', ttl: LONG })).toBe(
      'stored',
    )
    expect((await other.entries.readWithLife('k', format))?.life).toBeGreaterThan(LONG / 2)
    await other.entries.invalidate(['k'])
    expect(await requestLease(other, 'k')).toMatchObject({ status: 'leased' })
  })

  it('a commit without a reply ends in the background, and stores no late value', async () => {
    const token = createToken()
    await other.entries.put('k', format, 'old', { ttl: LONG })
    await client.entries.beginWrite(['k'], token, LONG)
    const held = await runUndelivered(() =>
      client.entries.commitWrite('k', token, { format, value: 'mine', ttl: LONG }),
    )
    expect(await other.entries.read('k', format)).toBeUndefined()
    await other.entries.beginWrite(['k'], 'other', LONG)
    expect(
      await other.entries.commitWrite('k', 'other', { format, value: 'newer', ttl: LONG }),
    ).toBe('stored')
    await held.deliver()
    expect(['newer', undefined]).toContain((await other.entries.read('k', format))?.value)
  })

  it.each([
    ['put', () => other.entries.put('k', format, 'new', { ttl: LONG })],
    ['invalidation', () => other.entries.invalidate(['k'])],
  ])('a fill that arrives after a later %s stores nothing', async (_, change) => {
    const token = createToken()
    await client.entries.lease('k', format, { token, ttl: LONG })
    const held = proxy.hold()
    await expect(client.entries.fill('k', format, token, 'old', { ttl: LONG })).rejects.toThrow()
    proxy.drop()
    await change()
    const before = await other.entries.read('k', format)
    await held.deliver()
    expect(await other.entries.read('k', format)).toEqual(before)
  })

  it('an attempt that was given up is remembered for a minute at most', async () => {
    await runUndelivered(() => requestLease(client, 'k'))
    expect(Number(await server.cli('PTTL', '{k}:intents'))).toBeGreaterThan(0)
    expect(Number(await server.cli('PTTL', '{k}:intents'))).toBeLessThanOrEqual(60_000)
  })
})
