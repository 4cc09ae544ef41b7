import { createAside } from '@cache/aside'
import { createCacheClient, type Driver } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { startProxy, startRedis } from '@cache/testkit'
import { Redis } from 'ioredis'
import { describe, expect, it, vi } from 'vitest'
import { createInvalidationBus, withNearCache } from '../src/index.js'

/** Resolves each reply only after `until`. */
function heldReplies(
  driver: Driver,
  until: (command: string) => Promise<void> | undefined,
): Driver {
  return {
    ...driver,
    send: (commands, options) =>
      driver.send(commands, options).map(async (reply, i) => {
        const result = await reply
        await until(String(commands[i]!.args[0]))
        return result
      }),
  }
}

function connect(url: string): Driver {
  const redis = new Redis(url, { retryStrategy: () => 20 })
  redis.on('error', () => undefined)
  return ioredisDriver(redis)
}

const timeouts = { resilience: { readTimeout: '20s', writeTimeout: '20s' } } as const

describe('a gap that begins while missed messages are read', () => {
  it.each(['loses none of them', 'drops all entries if the log does not reach back'])(
    '%s',
    async (title) => {
      await using server = await startRedis()
      await using proxy = await startProxy(server)
      let hold: Promise<void> | undefined
      let reads = 0
      const driver = heldReplies(connect(server.url), (command) => {
        if (command !== 'XRANGE') return undefined
        reads++
        return hold
      })
      await using client = createCacheClient(
        { ...driver, subscribe: connect(proxy.url).subscribe },
        { namespace: 'shop', ...timeouts },
      )
      await using bus = createInvalidationBus({ client, onGap: 'replay', heartbeat: '5s' })
      await bus.ready()
      const rows = createAside<number>({
        client: withNearCache(client, { bus }),
        prefix: 'row',
        ttl: '1h',
      })
      await using otherClient = createCacheClient(connect(server.url), {
        namespace: 'shop',
        ...timeouts,
      })
      await using otherBus = createInvalidationBus({ client: otherClient })
      await otherBus.ready()
      const elsewhere = createAside<number>({
        client: withNearCache(otherClient, { bus: otherBus }),
        prefix: 'row',
        ttl: '1h',
      })
      let version = 0
      const read = (): Promise<number | null | undefined> => rows.getOrLoad(1, () => version)
      await read()
      expect(await read()).toBe(0)
      expect(rows.stats().nearHits).toBe(1)
      await elsewhere.invalidate(2)
      await vi.waitFor(() => expect(bus.stats().received).toBe(1), 10_000)

      let release!: () => void
      hold = new Promise((resolve) => (release = resolve))
      await proxy.cut()
      await vi.waitFor(() => expect(bus.stats().gaps).toBe(1), 10_000)
      version = 1
      if (title.startsWith('loses')) await elsewhere.invalidate(1)
      else await server.flush()
      await proxy.pass()
      await vi.waitFor(() => expect(reads).toBe(1), 10_000)
      await proxy.cut()
      await vi.waitFor(() => expect(bus.stats().gaps).toBe(2), 10_000)
      hold = undefined
      release()
      await proxy.pass()
      await vi.waitFor(() => expect(bus.live).toBe(true), 10_000)
      expect(await read()).toBe(1)
    },
  )
})
