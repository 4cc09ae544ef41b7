import { setTimeout as sleep } from 'node:timers/promises'
import { startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { describe, expect, it, vi } from 'vitest'
import { FailureLog } from '../src/client/failures/failure-log.js'
import { ioredisDriver } from '../src/drivers/ioredis/driver.js'
import {
  CommandTimeoutError,
  ConnectionError,
  ServerError,
  channels,
  createCacheClient,
  type CacheClient,
  type CacheError,
  type ClientOptions,
  type ErrorContext,
  type Logger,
} from '../src/index.js'
import { emit } from '../src/internal.js'
import { flavours } from './drivers/clients.js'

const resilience = {
  readTimeout: 100,
  writeTimeout: 100,
  breaker: { failures: 3, cooldown: 200 },
} as const

const get = (client: CacheClient, key = 'k'): Promise<CacheError | undefined> =>
  client.send({ args: ['GET', key], keys: [key] }).then(
    () => undefined,
    (error: unknown) => error as CacheError,
  )

function recorder(): Logger & { readonly lines: string[] } {
  const lines: string[] = []
  const at = (level: string) => (message: string) => void lines.push(`${level} ${message}`)
  return { lines, info: at('info'), warn: at('warn'), error: at('error') }
}

async function warningsDuring(work: () => Promise<void>): Promise<Error[]> {
  const warnings: Error[] = []
  const onWarning = (warning: Error): void =>
    void (warning.name === 'CacheWarning' && warnings.push(warning))
  process.on('warning', onWarning)
  await work()
  await sleep(10)
  process.off('warning', onWarning)
  return warnings
}

describe.each(flavours)('over $name', ({ standalone }) => {
  it('an outage has a line when it begins, when the circuit opens, and when it ends', async () => {
    await using server = await startRedis()
    await using made = standalone(server.url)
    const logger = recorder()
    await using client = createCacheClient(made.driver, { namespace: 'shop', logger, resilience })
    await vi.waitFor(async () => expect(await get(client)).toBeUndefined(), { timeout: 10_000 })
    await vi.waitFor(() => expect(logger.lines.length % 2).toBe(0))
    logger.lines.length = 0
    await server.pause()
    let failed = 0
    await vi.waitFor(
      async () => {
        const error = await get(client)
        failed++
        expect(error).toMatchObject({ code: 'CIRCUIT_OPEN', cause: { code: 'TIMEOUT' } })
        expect(error!.message).toContain('the last error was "GET k got no reply within')
      },
      { timeout: 20_000, interval: 1 },
    )
    for (let i = 0; i < 50; i++) failed += Number((await get(client)) !== undefined)
    await server.resume()
    await vi.waitFor(
      async () => {
        const error = await get(client)
        failed += Number(error !== undefined)
        expect(error).toBeUndefined()
      },
      { timeout: 20_000, interval: 20 },
    )
    await vi.waitFor(() => expect(logger.lines.at(-1)).toMatch(/^info/), { timeout: 15_000 })
    expect(logger.lines).toEqual([
      expect.stringMatching(/^error cache "shop": Redis does not answer: GET k got no reply/),
      expect.stringMatching(/^error cache "shop": Redis gets no more commands until it answers/),
      expect.stringMatching(/^info cache "shop": Redis answers again, after \d+ failures in /),
    ])
    expect(logger.lines[2]).toContain(`after ${failed} failures`)
  }, 60_000)

  it('a wrong password is the cause of every error, and appears in no line', async () => {
    await using server = await startRedis({ password: 'correct' })
    await using made = standalone(server.url.replace('correct', 'hunter2'))
    const logger = recorder()
    await using client = createCacheClient(made.driver, { logger, resilience })
    await vi.waitFor(
      async () => {
        const error = await get(client)
        expect(error?.code).toBe('CIRCUIT_OPEN')
        expect(error!.message).toMatch(/the last error was "WRONGPASS/)
      },
      { timeout: 20_000 },
    )
    await vi.waitFor(() => expect(logger.lines.join()).toContain('gets no more commands'))
    expect(logger.lines.join()).toContain('Redis does not answer: WRONGPASS')
    expect(logger.lines.join()).not.toMatch(/hunter2|correct/)
  }, 30_000)

  it('a line is short and has no control characters, whatever its key contains', async () => {
    await using server = await startRedis()
    await using made = standalone(server.url)
    const logger = recorder()
    await using client = createCacheClient(made.driver, { logger, resilience })
    await vi.waitFor(async () => expect(await get(client)).toBeUndefined(), { timeout: 10_000 })
    await using silent = createCacheClient(made.driver, { resilience })
    await server.pause()
    const key = `k\n\u001b[31mforged\u2028${'x'.repeat(100_000)}`
    const warnings = await warningsDuring(async () => {
      await get(client, key)
      await get(silent, key)
    })
    await vi.waitFor(() => expect(logger.lines.join()).toContain('does not answer'))
    for (const text of [...logger.lines, warnings[0]!.message]) {
      expect(text.length).toBeLessThan(700)
      expect(text).not.toMatch(/[\u0000-\u001f\u2028]/)
    }
    await server.resume()
  })

  it('the address is named while nothing listens there', async () => {
    await using server = await startRedis()
    const { port } = server
    await server.kill()
    await using made = standalone(server.url)
    await using client = createCacheClient(made.driver, { logger: recorder(), resilience })
    await vi.waitFor(
      async () =>
        expect((await get(client))?.message).toContain(
          `the last error was "connect ECONNREFUSED 127.0.0.1:${port}"`,
        ),
      { timeout: 20_000 },
    )
  }, 30_000)
})

describe('the process', () => {
  const run = async (options: ClientOptions): Promise<void> => {
    await using server = await startRedis()
    await server.kill()
    const redis = new Redis(server.url, { retryStrategy: () => 50 })
    redis.on('error', () => undefined)
    await using client = createCacheClient(ioredisDriver(redis), { ...options, resilience })
    for (let i = 0; i < 10; i++) await get(client)
    redis.disconnect()
  }

  it('is warned once by a client without a logger', async () => {
    const warnings = await warningsDuring(() => run({ namespace: 'shop' }))
    expect(warnings).toMatchObject([
      {
        code: 'CACHE_COMMAND_FAILED',
        message: expect.stringContaining('the cache client "shop" failed. GET k') as string,
        detail: expect.stringContaining('{ logger: console }') as string,
      },
    ])
  })

  it('is not warned by a client with a logger or onError, nor by one that is closed', async () => {
    const warnings = await warningsDuring(async () => {
      await run({ logger: recorder() })
      await run({ onError: () => undefined })
      const redis = new Redis({ lazyConnect: true })
      const client = createCacheClient(ioredisDriver(redis))
      await client.close()
      expect(await get(client)).toMatchObject({ code: 'CLOSED' })
    })
    expect(warnings).toEqual([])
  })

  it('survives a logger and an onError that throw or reject', async () => {
    const unhandled = vi.fn()
    process.on('uncaughtException', unhandled).on('unhandledRejection', unhandled)
    const fail = (): never => {
      throw new Error('the disk is full')
    }
    const reject = (): void => void 0
    await run({ logger: { info: fail, warn: fail, error: fail }, onError: fail })
    const rejects = async (): Promise<void> => fail()
    await run({ logger: { info: reject, warn: rejects, error: rejects }, onError: rejects })
    emit(channels.error, () => ({ operation: 'refresh', key: 'k', error: new Error('no') }))
    await sleep(10)
    process.off('uncaughtException', unhandled).off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it.each([{ logger: {} }, { logger: 5 }, { onError: 5 }])('refuses %o', (options) => {
    const redis = new Redis({ lazyConnect: true })
    expect(() => createCacheClient(ioredisDriver(redis), options as object)).toThrow(
      `Option "${Object.keys(options)[0]}"`,
    )
  })
})

describe('a refused command', () => {
  it('is named with its code, once for each command', async () => {
    await using server = await startRedis({ config: { user: 'default on nopass ~* +@all -get' } })
    const redis = new Redis(server.url)
    const logger = recorder()
    await using client = createCacheClient(ioredisDriver(redis), { logger })
    for (let i = 0; i < 5; i++) expect(await get(client, `k${i}`)).toBeInstanceOf(ServerError)
    await vi.waitFor(() => expect(logger.lines.length).toBeGreaterThan(0))
    expect(logger.lines).toEqual([
      expect.stringMatching(/^warn cache: Redis refused GET k0: NOPERM/),
    ])
    redis.disconnect()
  })
})

describe('errors that no caller receives', () => {
  interface Received extends ErrorContext {
    readonly error: unknown
  }
  const listening = (namespace: string, received: Received[]): CacheClient => {
    const redis = new Redis({ lazyConnect: true })
    return createCacheClient(ioredisDriver(redis), {
      namespace,
      onError: (error, context) => received.push({ error, ...context }),
    })
  }

  it('go to the one client whose namespace has the key', async () => {
    const shop: Received[] = []
    const other: Received[] = []
    await using _shop = listening('shop', shop)
    await using _other = listening('shop:eu', other)
    const error = new Error('no such table')
    emit(channels.error, () => ({ operation: 'refresh', key: 'shop:eu:1', error }))
    emit(channels.error, () => ({ operation: 'refresh', key: 'shop:europe:1', error }))
    emit(channels.error, () => ({ operation: 'subscribe', error }))
    expect(other).toEqual([{ operation: 'refresh', key: 'shop:eu:1', error }])
    expect(shop).toEqual([
      { operation: 'refresh', key: 'shop:europe:1', error },
      { operation: 'subscribe', error },
    ])
  })

  it('go to nobody when the client is closed', async () => {
    const received: Received[] = []
    await listening('shop', received).close()
    emit(channels.error, () => ({ operation: 'refresh', key: 'shop:1', error: new Error('no') }))
    expect(received).toEqual([])
    expect(channels.error.hasSubscribers).toBe(false)
  })
})

describe('the log', () => {
  const make = (logger: Logger): FailureLog =>
    new FailureLog({
      logger,
      namespace: 'shop',
      nodeOf: (key) => (key === 'a' ? 'node-a' : 'node-b'),
      quiet: 100,
      settle: 100,
      flapping: 60_000,
    })
  const on = (key: string) => ({ args: ['GET', key], keys: [key] }) as const
  const lost = new ConnectionError('There is no connection.')

  it('joins the outages of a node that comes and goes', async () => {
    const logger = recorder()
    const log = make(logger)
    for (let i = 0; i < 20; i++) {
      log.failed(on('a'), lost)
      log.answered(on('a'))
    }
    await vi.waitFor(() => expect(logger.lines).toHaveLength(4), { timeout: 10_000 })
    expect(logger.lines.map((line) => line.replace(/in .* s /, 'in … '))).toEqual([
      'error cache "shop": Redis at node-a does not answer: There is no connection',
      'info cache "shop": Redis at node-a answers again, after 1 failure in … (1 connection)',
      'error cache "shop": Redis at node-a does not answer: There is no connection',
      'info cache "shop": Redis at node-a answers again, after 19 failures in … (19 connection)',
    ])
    log.close()
  })

  it('ends the outage of a node by replies of that node only', () => {
    const log = make(recorder())
    log.failed(on('a'), new CommandTimeoutError('GET a got no reply.'))
    log.answered(on('b'))
    expect(log.stateOf('node-a')).toMatchObject({ reachable: false })
    expect(log.stateOf('node-b')).toMatchObject({ reachable: true })
    log.answered(on('a'))
    expect(log.stateOf('node-a')).toMatchObject({ reachable: true })
    log.close()
  })

  it('gives up a node that is no longer used while others answer', async () => {
    const logger = recorder()
    const log = make(logger)
    log.failed(on('a'), lost)
    await vi.waitFor(
      () => {
        log.answered(on('b'))
        expect(logger.lines.at(-1)).toContain('Redis at node-a is no longer used')
      },
      { timeout: 10_000 },
    )
    expect(log.hasOutage).toBe(false)
    log.close()
  })

  it('says when a kind of failure has stopped, and how often it occurred', async () => {
    const logger = recorder()
    const log = make(logger)
    const secret = new RangeError('hunter2 is out of range')
    for (let i = 0; i < 7; i++)
      emit(channels.error, () => ({ operation: 'refresh', key: `shop:${i}`, error: secret }))
    await vi.waitFor(() => expect(logger.lines).toHaveLength(2), { timeout: 10_000 })
    expect(logger.lines[0]).toBe(
      'warn cache "shop": A failure that no caller received, of refresh (shop:0): RangeError.',
    )
    expect(logger.lines[1]).toContain(
      '"refresh RangeError" has not occurred for 0.1 s, after 7 failures in ',
    )
    log.close()
  })

  it('has no second line for an error of a command that a read falls back from', async () => {
    const logger = recorder()
    const log = make(logger)
    log.failed(on('a'), lost)
    emit(channels.error, () => ({ operation: 'read', key: 'shop:a', error: lost }))
    await sleep(20)
    expect(logger.lines).toHaveLength(1)
    log.close()
  })
})
