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

describe.each(casesWithShards)('whoever may publish, on $name', ({ start, topology }) => {
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
    const heard: Invalidated[] = []
    bus.on('invalidate', (message) => heard.push(message))
    return { bus, heard }
  }
  /** What is published from now on. */
  async function listen(): Promise<string[]> {
    const payloads: string[] = []
    const subscription = await client.driver.subscribe(
      [CHANNEL],
      {
        message: (_, payload) => void payloads.push(payload),
        gap: () => undefined,
        live: () => undefined,
      },
      { everywhere: true },
    )
    buses.push({ close: () => subscription.close() } as InvalidationBus)
    return payloads
  }
  const publish = (payload: string) =>
    client.send({ args: ['PUBLISH', CHANNEL, payload], keys: [] })

  it('can not have a message dropped by sending it in advance', async () => {
    const payloads = await listen()
    const [said, told] = [await newBus(), await newBus()]
    await said.bus.publish({ keys: ['shop:a'] })
    await eventually(() => payloads.length > 0 && told.heard.length > 0)
    await sleep(100) // copies from other nodes
    const forged = payloads[0]!.replace('"nth":1', '"nth":2')
    expect(forged).not.toBe(payloads[0])
    told.heard.length = 0
    await publish(forged)
    await eventually(() => told.heard.length > 0)
    await sleep(100)
    told.heard.length = 0
    await said.bus.publish({ keys: ['shop:a'] })
    await eventually(() => told.heard.some(({ keys }) => keys.includes('shop:a')))
  })

  it('can not keep a change from being heard by others, whose name it may use', async () => {
    const payloads = await listen()
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
    'can not make a log be read from where no message of its own is',
    async () => {
      const log = `shop:{${CHANNEL}}:log`
      const { bus, heard } = await newBus('replay')
      const resumed: boolean[] = []
      bus.on('live', (missedNothing) => resumed.push(missedNothing))
      const [missed] = [
        await client.send({
          args: [
            'XADD',
            log,
            '*',
            'm',
            JSON.stringify({ v: 1, from: 'x', nth: 1, id: 'a', keys: ['shop:missed'] }),
          ],
          keys: [log],
        }),
      ]
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
          from: 'somebody',
          nth: 1,
          id: 'forged',
          keys: ['shop:k'],
          at: later,
        }),
      )
      await eventually(() => heard.length > 0)
      await client.send({ args: ['CLIENT', 'KILL', 'TYPE', 'pubsub'], keys: [] })
      await eventually(() => resumed.length > 0)
      expect(
        resumed[0] ? heard.some(({ keys }) => keys.includes('shop:missed')) : 'emptied',
      ).toBeTruthy()
      expect(resumed[0]).toBe(false)
    },
  )

  it.runIf(topology === 'standalone')('finds a log of another type made anew', async () => {
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
  })
})
