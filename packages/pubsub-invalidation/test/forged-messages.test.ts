import { setTimeout as sleep } from 'node:timers/promises'
import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { eventually, hostileValues, plantValue, type Stage } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  createInvalidationBus,
  withNearCache,
  type Invalidated,
  type InvalidationBus,
} from '../src/index.js'
import { casesWithShards } from './cases.js'

const CHANNEL = 'shop:invalidations'

describe.each(casesWithShards)('a forged message, on $name', ({ start, topology }) => {
  let stage: Stage<CacheClient>
  let client: CacheClient
  const buses: InvalidationBus[] = []
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())
  beforeEach(async () => {
    await stage.flush()
    client = stage.driver()
  })
  afterEach(async () => {
    for (const bus of buses.splice(0)) await bus.close()
  })

  async function newBus(onGap: 'empty' | 'replay' = 'empty') {
    const bus = createInvalidationBus({ client: stage.driver(), onGap })
    buses.push(bus)
    await bus.ready()
    const received: Invalidated[] = []
    bus.on('invalidate', (message) => received.push(message))
    return { bus, received }
  }
  /** Collects the messages that are published from now on. */
  async function collectMessages(): Promise<string[]> {
    const payloads: string[] = []
    const subscription = await client.driver.subscribe(
      [CHANNEL],
      {
        message: (_, payload) => void payloads.push(payload),
        gap: () => undefined,
        live: () => undefined,
      },
      { everyPrimary: true },
    )
    buses.push({ close: () => subscription.close() } as InvalidationBus)
    return payloads
  }
  const publish = (payload: string) =>
    client.send({ args: ['PUBLISH', CHANNEL, payload], keys: [] })

  it('sent in advance does not make the real message look like a duplicate', async () => {
    const payloads = await collectMessages()
    const [sending, receiving] = [await newBus(), await newBus()]
    await sending.bus.publish({ keys: ['shop:a'] })
    await eventually(() => payloads.length > 0 && receiving.received.length > 0)
    await sleep(100) // the copies from other nodes arrive
    const forged = payloads[0]!.replace('"nth":1', '"nth":2')
    expect(forged).not.toBe(payloads[0])
    receiving.received.length = 0
    await publish(forged)
    await eventually(() => receiving.received.length > 0)
    await sleep(100)
    receiving.received.length = 0
    await sending.bus.publish({ keys: ['shop:a'] })
    await eventually(() => receiving.received.some(({ keys }) => keys.includes('shop:a')))
  })

  it('in the name of another sender keeps no change from being received', async () => {
    const payloads = await collectMessages()
    const [first, second] = [await newBus(), await newBus()]
    const near = withNearCache(first.bus.internals.client, { bus: first.bus })
    const rows = createAside<number>({ client: near, prefix: 'row', ttl: '1h' })
    const elsewhere = createAside<number>({
      client: withNearCache(second.bus.internals.client, { bus: second.bus }),
      prefix: 'row',
      ttl: '1h',
    })
    await elsewhere.mutate(1, () => undefined)
    await eventually(() => payloads.length > 0)
    const { from, nth, id } = JSON.parse(payloads.at(-1)!) as {
      from: string
      nth: number
      id: string
    }
    for (let round = 1; round <= 5; round++) {
      expect(await rows.getOrLoad(1, () => round)).toBe(round)
      await eventually(
        async () => (await rows.getOrLoad(1, () => -1)) === round && near.near.stats().entries > 0,
      )
      for (let ahead = 0; ahead < 4; ahead++) {
        await publish(
          JSON.stringify({ v: 1, from, nth: nth + 2 * round - 2 + ahead, keys: ['shop:row:1'] }),
        )
        await publish(
          JSON.stringify({
            v: 1,
            from,
            nth: nth + 2 * round - 2 + ahead,
            id,
            keys: ['shop:row:1'],
          }),
        )
      }
      await sleep(50)
      await elsewhere.mutate(1, () => undefined)
      await eventually(async () => (await rows.getOrLoad(1, () => round + 1)) === round + 1)
      await elsewhere.mutate(1, () => undefined)
      await eventually(async () => near.near.stats().entries === 0)
    }
  })

  it.runIf(topology === 'standalone')(
    'can’t claim a position in the log that belongs to another message',
    async () => {
      const log = `shop:{${CHANNEL}}:log`
      const { bus, received } = await newBus('replay')
      const resumed: boolean[] = []
      bus.on('live', (missedNothing) => resumed.push(missedNothing))
      const missed = await client.send({
        args: [
          'XADD',
          log,
          '*',
          'm',
          JSON.stringify({ v: 1, from: 'x', nth: 1, id: 'a', keys: ['shop:missed'] }),
        ],
        keys: [log],
      })
      const later = String(
        await client.send({
          args: [
            'XADD',
            log,
            '*',
            'm',
            JSON.stringify({ v: 1, from: 'x', nth: 2, id: 'b', keys: ['shop:later'] }),
          ],
          keys: [log],
        }),
      )
      expect(missed).not.toBe(later)
      await publish(
        JSON.stringify({
          v: 1,
          from: 'someone',
          nth: 1,
          id: 'forged',
          keys: ['shop:k'],
          at: later,
        }),
      )
      await eventually(() => received.length > 0)
      await client.send({ args: ['CLIENT', 'KILL', 'TYPE', 'pubsub'], keys: [] })
      await eventually(() => resumed.length > 0)
      expect(
        resumed[0] ? received.some(({ keys }) => keys.includes('shop:missed')) : 'emptied',
      ).toBeTruthy()
      expect(resumed[0]).toBe(false)
    },
  )

  it.runIf(topology === 'standalone')(
    'is not possible through a log of another type: it is created again',
    async () => {
      const log = `shop:{${CHANNEL}}:log`
      const { bus } = await newBus('replay')
      const resumed: boolean[] = []
      bus.on('live', (missedNothing) => resumed.push(missedNothing))
      for (const value of hostileValues().filter(({ name }) => /list|word|stream/.test(name))) {
        await plantValue(client, log, value)
        const gaps = resumed.length
        await client.send({ args: ['CLIENT', 'KILL', 'TYPE', 'pubsub'], keys: [] })
        await eventually(() => resumed.length > gaps)
        expect(
          await client.send({ args: ['TYPE', log], keys: [log] }),
          `${value.type} ${value.name}`,
        ).toBe('stream')
        await bus.publish({ keys: ['shop:a'] })
      }
    },
  )
})
