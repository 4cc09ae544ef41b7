import { InvalidKeyError, InvalidOptionError, createCacheClient, type Driver } from '@cache/core'
import { describe, expect, it } from 'vitest'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  rateLimitHeaders,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Decision,
  type RateLimiterOptions,
} from '../src/index.js'
import { rateLimit as forExpress } from '../src/adapters/express.js'
import { rateLimit as forHono } from '../src/adapters/hono.js'
import { rateLimitStore } from '../src/adapters/express-rate-limit.js'

const mustNotSend = (): never => {
  throw new Error('A test of options must not send anything.')
}
const driver: Driver = {
  name: 'none',
  topology: 'standalone',
  send: mustNotSend,
  group: mustNotSend,
  dedicate: mustNotSend,
  subscribe: mustNotSend,
  nodes: mustNotSend,
  close: async () => undefined,
}
const client = createCacheClient(driver)
const limits = [slidingWindow({ name: 'burst', limit: 10, window: '1s' })]
const validOptions: RateLimiterOptions = { client, prefix: 'api', limits }

describe('createRateLimiter', () => {
  it.each<readonly [option: string, value: unknown]>([
    ['client', undefined],
    ['client', {}],
    ['prefix', undefined],
    ['prefix', ''],
    ['prefix', '{'],
    ['prefix', 7],
    ['limits', undefined],
    ['limits', []],
    ['limits', [{}]],
    ['limits', [undefined]],
    ['limits', 'burst'],
    ['limits', [...limits, gcra({ name: 'burst', limit: 1, window: 1 })]],
    ['deadline', 0],
    ['deadline', 'soon'],
    ['onOutage', 'maybe'],
    ['onOutage', true],
    ['onOutage.local', { local: 0 }],
    ['onOutage.local', { local: 1.5 }],
    ['onOutage.share', { share: 1 }],
    ['denyCache', true],
    ['denyCache.max', { max: 0 }],
    ['denyCache.maxAge', { maxAge: 0 }],
    ['prefetch', 0],
    ['prefetch', 1],
    ['prefetch', 1.5],
    ['prefetch', 'many'],
    ['prefetch.tokens', {}],
    ['prefetch.tokens', { tokens: 1 }],
    ['prefetch.ttl', { tokens: 5, ttl: 0 }],
    ['shadow', 'yes'],
    ['allow', 'u'],
    ['allow', ['']],
    ['deny', 5],
    ['deny', [{}]],
  ])('throws for an invalid %s (%j), and names the option', (option, value) => {
    const make = (): unknown =>
      createRateLimiter({ ...validOptions, [option.split('.')[0]!]: value } as RateLimiterOptions)
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(`"${option}"`)
  })

  it('throws for an unknown option, and without options', () => {
    expect(() => createRateLimiter({ ...validOptions, dedline: 5 } as RateLimiterOptions)).toThrow(
      '"dedline"',
    )
    expect(() => createRateLimiter(undefined as never)).toThrow(InvalidOptionError)
  })

  it('throws for prefetch with a concurrency limit', () => {
    expect(() =>
      createRateLimiter({
        ...validOptions,
        prefetch: 10,
        limits: [concurrency({ name: 'a', limit: 1, ttl: '1s' })],
      }),
    ).toThrow('"prefetch"')
  })
})

describe('policies', () => {
  const window = { name: 'a', limit: 1, window: '1s' } as const
  it.each<readonly [name: string, option: string, make: () => unknown]>([
    ...[slidingWindow, slidingCounter, fixedWindow, gcra].flatMap(
      (make) =>
        [
          ['', 'name', () => make({ ...window, name: '' })],
          ['', 'name', () => make({ ...window, name: 'a b' })],
          ['', 'name', () => make({ ...window, name: 'a'.repeat(65) })],
          ['', 'name', () => make({ ...window, name: '"' })],
          ['', 'limit', () => make({ ...window, limit: 0 })],
          ['', 'limit', () => make({ ...window, limit: 1.5 })],
          ['', 'limit', () => make({ ...window, limit: NaN })],
          ['', 'limit', () => make({ ...window, limit: '10' as never })],
          ['', 'window', () => make({ ...window, window: 0 })],
          ['', 'window', () => make({ ...window, window: '20 years' as never })],
          ['', 'window', () => make({ ...window, window: '4000d' })],
          ['', 'max', () => make({ ...window, max: 5 } as never)],
        ] as const,
    ),
    ['', 'limit', () => slidingCounter({ name: 'a', limit: 2 ** 40, window: '30d' })],
    ['', 'burst', () => gcra({ ...window, burst: 0 })],
    ['', 'burst', () => gcra({ name: 'a', limit: 7, window: '1d', burst: 2 ** 50 })],
    ['', 'burst', () => gcra({ name: 'a', limit: 1, window: '3650d', burst: 2 })],
    ['', 'capacity', () => tokenBucket({ name: 'a', capacity: 0, refill: 1, interval: 1 })],
    ['', 'refill', () => tokenBucket({ name: 'a', capacity: 1, refill: -1, interval: 1 })],
    ['', 'interval', () => tokenBucket({ name: 'a', capacity: 1, refill: 1, interval: -1 })],
    ['', 'ttl', () => concurrency({ name: 'a', limit: 1, ttl: 0 })],
    ['', 'limit', () => concurrency({ name: 'a', limit: 0, ttl: '1s' })],
  ])('%sthrow for an invalid %s, and name the option: %s', (_name, option, make) => {
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(`"${option}"`)
  })
})

it('an invalid option names the policy', () => {
  expect(() => slidingWindow({ name: 'a b', limit: 1, window: '1s' })).toThrow(
    'slidingWindow: option "name" must be 1 to 64 of the characters',
  )
  expect(() => gcra({ limit: 1, window: '1s', burst: 0 })).toThrow('gcra: option "burst" must be')
  expect(() => tokenBucket(undefined as never)).toThrow('tokenBucket: option "tokenBucket" must')
})

describe('names', () => {
  const options = { limit: 1, window: '1s' } as const
  it('are those of the policies by default', () => {
    expect(
      [
        slidingWindow(options),
        slidingCounter(options),
        fixedWindow(options),
        tokenBucket({ capacity: 1, refill: 1, interval: '1s' }),
        gcra(options),
        concurrency({ limit: 1, ttl: '1s' }),
      ].map(({ name }) => name),
    ).toEqual([
      'sliding-window',
      'sliding-counter',
      'fixed-window',
      'token-bucket',
      'gcra',
      'concurrency',
    ])
  })
  it('must be given to all but one of the limits of one policy', () => {
    const two = [gcra(options), gcra({ ...options, limit: 5 })]
    expect(() => createRateLimiter({ ...validOptions, limits: two })).toThrow('named "gcra"')
    const named = [gcra(options), gcra({ ...options, name: 'hour' })]
    expect(createRateLimiter({ ...validOptions, limits: named }).limits).toEqual(named)
  })
})

describe('calls', () => {
  const limiter = createRateLimiter(validOptions)
  it.each<
    readonly [
      description: string,
      error: new (...args: never[]) => Error,
      call: () => Promise<unknown>,
    ]
  >([
    ['an empty id', InvalidKeyError, () => limiter.consume('')],
    ['no id', InvalidKeyError, () => limiter.consume(undefined as never)],
    ['an id without parts', InvalidKeyError, () => limiter.consume([])],
    ['an id that is an object', InvalidKeyError, () => limiter.consume({} as never)],
    ['a control character', InvalidKeyError, () => limiter.peek('a\r\nFLUSHALL')],
    ['an id of 10 kB', InvalidKeyError, () => limiter.consume('x'.repeat(10_000))],
    ['a cost of NaN', InvalidOptionError, () => limiter.consume('u', { cost: NaN })],
    ['an infinite cost', InvalidOptionError, () => limiter.consume('u', { cost: Infinity })],
    ['a cost that is not whole', InvalidOptionError, () => limiter.consume('u', { cost: 0.5 })],
    ['a negative cost', InvalidOptionError, () => limiter.peek('u', { cost: -1 })],
    [
      'a cost that is a string',
      InvalidOptionError,
      () => limiter.consume('u', { cost: '1' as never }),
    ],
    ['a fraction for consumeUpTo', InvalidOptionError, () => limiter.consumeUpTo('u', 0.5)],
    ['a negative number for consumeUpTo', InvalidOptionError, () => limiter.consumeUpTo('u', -1)],
    ['a maxWait of 0', InvalidOptionError, () => limiter.reserve('u', { maxWait: 0 })],
    ['an object that is not a receipt', InvalidOptionError, () => limiter.refund({} as never)],
    [
      'the receipt of another limiter',
      InvalidOptionError,
      () => limiter.refund({ key: 'k', token: 't', charged: 1, at: 1, marks: [1, 2] }),
    ],
  ])('reject %s, and send nothing', async (_description, error, call) => {
    await expect(call()).rejects.toBeInstanceOf(error)
  })
})

describe('HTTP', () => {
  it('throws for an unknown style', () => {
    expect(() => rateLimitHeaders({} as Decision, { style: 'draft-8' as never })).toThrow('"style"')
  })
  it.each<readonly [option: string, make: () => unknown]>([
    ['limiter', () => forExpress({} as never)],
    ['key', () => forHono({ limiter: createRateLimiter(validOptions) } as never)],
    ['key', () => forExpress({ limiter: createRateLimiter(validOptions), key: 5 as never })],
    [
      'headers',
      () => forExpress({ limiter: createRateLimiter(validOptions), headers: true as never }),
    ],
    ...(['limits', 'countWhen', 'deny', 'onLimited'] as const).map(
      (option) =>
        [
          option,
          () => forExpress({ limiter: createRateLimiter(validOptions), [option]: 'no' } as never),
        ] as const,
    ),
    ['skp', () => forExpress({ limiter: createRateLimiter(validOptions), skp: 1 } as never)],
    ['limiter', () => rateLimitStore({} as never)],
  ])('adapters throw for an invalid %s', (option, make) => {
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(`"${option}"`)
  })
})
