import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import { eventually, longestTurn, type Stage } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  createInvalidationBus,
  withNearCache,
  type InvalidationBus,
  type NearCacheClient,
} from '../src/index.js'
import { cases } from './cases.js'

const CHANNEL = 'shop:invalidations'
const LOG = `shop:{${CHANNEL}}:log`
const ENTRIES = 2_000
const MAX_CHARACTERS = 250_000

describe.each(cases.filter(({ topology }) => topology === 'standalone'))(
  'messages that cause much work, on $name',
  ({ start }) => {
    let stage: Stage<CacheClient>
    let client: CacheClient
    let bus: InvalidationBus
    let near: NearCacheClient
    let groupsCalls = 0
    beforeAll(async () => void (stage = await start()))
    afterAll(() => stage.stop())
    beforeEach(async () => {
      await stage.flush()
      client = stage.driver()
      bus = createInvalidationBus({ client, onGap: 'replay', heartbeat: '30s' })
      await bus.ready()
      near = withNearCache(client, { bus, groups: (_, { group }) => (groupsCalls++, [group]) })
      const rows = createAside<{ group: string }>({ client: near, prefix: 'row', ttl: '1h' })
      const ids = Array.from({ length: ENTRIES }, (_, id) => id)
      await rows.getOrLoadMany(ids, () => ids.map((id) => ({ group: `group:${id}` })))
      expect(near.near.stats().entries).toBe(ENTRIES)
      groupsCalls = 0
    })
    afterEach(async () => {
      await near.close()
      await bus.close()
    })

    /** Publishes as another sender. Resolves when the message has been received. */
    async function publish(names: {
      readonly keys?: readonly string[]
      readonly prefixes?: readonly string[]
      readonly groups?: readonly string[]
    }): Promise<void> {
      const { received } = bus.stats()
      await client.send({
        args: ['PUBLISH', CHANNEL, JSON.stringify({ v: 1, from: 'somebody', ...names })],
        keys: [],
      })
      await eventually(() => bus.stats().received > received)
      expect(bus.stats().unreadable).toBe(0)
    }

    const names = (prefix: string, count: number): string[] =>
      Array.from({ length: count }, (_, i) => `${prefix}${i}`)

    it('repeating a name costs no more than naming it once', async () => {
      const keys = await longestTurn(() => publish({ keys: Array(60_000).fill('x') }))
      expect(await longestTurn(() => publish({ prefixes: Array(60_000).fill('x') }))).toBeLessThan(
        keys * 5 + 50,
      )
      expect(await longestTurn(() => publish({ groups: Array(60_000).fill('x') }))).toBeLessThan(
        keys * 5 + 50,
      )
      expect(near.near.stats().entries).toBe(ENTRIES)
    })

    it('hundreds of prefixes drop exactly the matching entries', async () => {
      const others = names('shop:product:', 800)
      await publish({ prefixes: [...others, 'shop:row:1', 'shop:row:19'] })
      expect(near.near.stats().entries).toBe(ENTRIES - 1_111)
    })

    it('too many prefixes empty the near cache', async () => {
      const prefixes = names('shop:other:', Math.floor(MAX_CHARACTERS / 20))
      const keys = await longestTurn(() => publish({ keys: prefixes }))
      expect(await longestTurn(() => publish({ prefixes }))).toBeLessThan(keys * 5 + 50)
      expect(near.near.stats()).toMatchObject({ entries: 0, invalidated: ENTRIES })
    })

    it('many groups are matched together, and `groups` is called once for each entry', async () => {
      const groups = names('other:', Math.floor(MAX_CHARACTERS / 20))
      const keys = await longestTurn(() => publish({ keys: groups }))
      expect(await longestTurn(() => publish({ groups: [...groups, 'group:7'] }))).toBeLessThan(
        keys * 5 + 50,
      )
      for (let i = 0; i < 3; i++) await publish({ groups: ['group:7', 'group:8'] })
      expect(groupsCalls).toBe(ENTRIES)
      expect(near.near.stats().entries).toBe(ENTRIES - 2)
    })

    describe('in the log', () => {
      const fill = "for i = 1, ARGV[1] do redis.call('XADD', KEYS[1], '*', 'm', ARGV[2]) end"

      /** Measures a replay after a gap in which this number of messages was missed. */
      async function replay(
        count: number,
        prefixes: readonly string[],
      ): Promise<{ missedNothing: boolean; blocked: number }> {
        await bus.publish({ keys: ['somewhere'] })
        await eventually(() => bus.stats().own > 0)
        const resumed: boolean[] = []
        bus.on('live', (missedNothing) => resumed.push(missedNothing))
        await client.send({
          args: [
            'EVAL',
            fill,
            '1',
            LOG,
            String(count),
            JSON.stringify({ v: 1, from: 'somebody', prefixes }),
          ],
          keys: [LOG],
        })
        const blocked = await longestTurn(async () => {
          await client.send({ args: ['CLIENT', 'KILL', 'TYPE', 'pubsub'], keys: [] })
          await eventually(() => resumed.length > 0, { within: 60_000 })
        })
        return { missedNothing: resumed[0]!, blocked }
      }

      it('a replay that takes long does not block the process', async () => {
        const few = await replay(20, names('shop:other:', 500))
        expect(few.missedNothing).toBe(true)
        const many = await replay(600, names('shop:other:', 500))
        expect(many.missedNothing).toBe(true)
        expect(many.blocked).toBeLessThan(few.blocked * 5 + 50)
        expect(near.near.stats().entries).toBe(ENTRIES)
      })

      it('too many missed messages are not read: near caches empty themselves', async () => {
        expect((await replay(60, names('shop:other:', 12_000))).missedNothing).toBe(false)
        expect(near.near.stats()).toMatchObject({ entries: 0, answering: true })
        expect((await replay(1, ['shop:other:'])).missedNothing).toBe(true)
      })
    })
  },
)
