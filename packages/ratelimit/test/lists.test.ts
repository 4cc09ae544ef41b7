import { channels } from '@cache/core'
import { afterEach, describe, expect, it } from 'vitest'
import {
  addressList,
  concurrency,
  createRateLimiter,
  rateLimitHeaders,
  refusal,
  slidingWindow,
  type RateLimiterOptions,
} from '../src/index.js'
import { onEveryServer } from './matrix.js'

describe('addressList', () => {
  const list = addressList([
    '10.0.0.0/8',
    '192.0.2.7',
    '203.0.113.77/24',
    '2001:db8::/32',
    'fd00::1',
    '::ffff:198.51.100.0/120',
  ])
  it.each([
    '10.0.0.0',
    '10.255.255.255',
    '::ffff:10.1.2.3',
    '::ffff:a01:203',
    '[::ffff:10.1.2.3]:50000',
    '10.1.2.3:8080',
    '"[2001:db8::1]:443"',
    '203.0.113.1',
    '192.0.2.7',
    '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff',
    'fd00:0:0::1%eth0',
    '1.1.1.1, 192.0.2.7',
    '198.51.100.200',
    '::ffff:198.51.100.200',
  ])('contains %s', (address) => expect(list(address)).toBe(true))
  it.each([
    '9.255.255.255',
    '11.0.0.0',
    '::ffff:11.0.0.0',
    '192.0.2.8',
    '2001:db9::',
    'fd00::2',
    '192.0.2.7, 1.1.1.1',
    '198.51.101.0',
    '64:ff9b::a01:203', // 10.1.2.3 behind NAT64 is another host.
    '2001:db8::/56',
    'unknown',
    '',
    undefined,
    null,
    5 as never,
  ])('does not contain %s', (address) => expect(list(address)).toBe(false))

  it('can be empty, and can contain everything', () => {
    expect(addressList([])('10.0.0.1')).toBe(false)
    const all = addressList(['0.0.0.0/0', '::/0'])
    expect(['1.2.3.4', '::ffff:1.2.3.4', '2001:db8::1'].map(all)).toEqual([true, true, true])
  })

  it.each([
    '10.0.0.0/33',
    '::/129',
    '10.0.0/8',
    'example.org',
    '10.0.0.0/',
    '10.0.0.0/a',
    '',
    '/8',
    'fe80::1%eth0',
    5,
    undefined,
  ])('throws for %s, and names its index', (entry) => {
    expect(() => addressList(['10.0.0.0/8', entry as never])).toThrow('"entries[1]"')
    expect(() => addressList(entry as never)).toThrow('"entries"')
  })
})

onEveryServer(({ newClient, keys }) => {
  const cleanups: (() => void)[] = []
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })
  const make = (options: Partial<RateLimiterOptions> = {}) =>
    createRateLimiter({
      client: newClient(),
      prefix: 'lists',
      limits: [slidingWindow({ limit: 2, window: '1h' })],
      deadline: '10s',
      onOutage: 'deny',
      ...options,
    })

  it('never limits an id on the allow list, and asks Redis nothing', async () => {
    const limiter = make({ allow: ['health', ['tenant', 7]] })
    for (let i = 0; i < 5; i++) {
      expect(await limiter.consume('health')).toMatchObject({
        allowed: true,
        granted: 1,
        source: 'list',
        receipt: undefined,
      })
      expect(await limiter.consume(['tenant', '7'], { cost: 99 })).toMatchObject({ granted: 99 })
    }
    expect(await limiter.consumeUpTo('health', 50)).toMatchObject({ granted: 50 })
    expect(await limiter.reserve('health')).toMatchObject({ allowed: true, wait: 0 })
    const decision = await limiter.peek('health')
    expect(decision).toMatchObject({ allowed: true, source: 'list' })
    expect(rateLimitHeaders(decision, { limits: limiter.limits })).toEqual({})
    expect(await keys()).toEqual([])
    await limiter.consume(['tenant', 8], { cost: 2 })
    expect(await limiter.consume(['tenant', 8])).toMatchObject({ allowed: false })
  })

  it('always denies an id on the deny list, also if it is on both', async () => {
    const limiter = make({ deny: ['mallory'], allow: (id) => id === 'mallory' })
    for (const decision of [
      await limiter.consume('mallory'),
      await limiter.consume('mallory', { cost: 0 }),
      await limiter.consumeUpTo('mallory', 5),
      await limiter.peek('mallory'),
    ]) {
      expect(decision).toMatchObject({
        allowed: false,
        granted: 0,
        source: 'list',
        satisfiable: false,
        retryAfter: Infinity,
        blockedFor: Infinity,
      })
      expect(refusal(decision, { limits: limiter.limits })).toEqual({
        status: 403,
        headers: { 'Content-Type': 'application/problem+json' },
        body: '{"type":"about:blank","title":"Forbidden","status":403}',
      })
    }
    expect(await keys()).toEqual([])
    expect(await make({ deny: ['u'], shadow: true }).consume('u')).toMatchObject({ allowed: true })
  })

  it('lets the limits decide if a function fails or returns something else', async () => {
    const errors: unknown[] = []
    const onError = (message: unknown): void => void errors.push(message)
    channels.error.subscribe(onError)
    cleanups.push(() => channels.error.unsubscribe(onError))
    const fail = (): never => {
      throw new Error('no database')
    }
    for (const [i, list] of [
      fail,
      async () => fail(),
      () => 'yes' as never,
      () => undefined as never,
    ].entries()) {
      const limiter = make({ allow: list, deny: list })
      expect(await limiter.consume(`u${i}`, { cost: 2 })).toMatchObject({ source: 'redis' })
      expect(await limiter.consume(`u${i}`)).toMatchObject({
        allowed: false,
        violated: ['sliding-window'],
      })
    }
    expect(errors).toHaveLength(8)
    const limiter = make({ allow: async (id) => id === 'vip' })
    expect(await limiter.consume('vip', { cost: 9 })).toMatchObject({ allowed: true })
  })

  it('allows an id on the allow list that is blocked, without a slot', async () => {
    const limiter = make({ allow: ['vip'], limits: [concurrency({ limit: 1, ttl: '10s' })] })
    await limiter.block('vip', '1h')
    await using first = await limiter.consume('vip')
    await using second = await limiter.consume('vip')
    expect([first.allowed, second.allowed]).toEqual([true, true])
  })
})
