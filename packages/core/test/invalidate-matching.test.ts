import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { InvalidOptionError, glob, invalidateMatching, type CacheClient } from '../src/index.js'
import {
  beside,
  LoadPolicy,
  ReadPath,
  readOptions,
  companion,
  createFormat,
  createToken,
  literalStart,
  loadPolicyOptions,
} from '../src/internal.js'
import { companionOf } from '../src/client/keys.js'
import { onEach } from './cases.js'

const format = createFormat<string>()
const write = { ttl: 60_000 }
/** Before each of the scans, and after the last one. */
const MOMENTS = [0, 1, 2, 3, 4, 5]
const ROUNDS = process.env.CHAOS ? 200 : 10

const put = (client: CacheClient, keys: readonly string[]) =>
  Promise.all(keys.map((key) => client.entries.put(key, format, 'old', write)))
const exists = async (client: CacheClient, key: string) =>
  (await client.send({ args: ['EXISTS', key], keys: [key] })) === 1

describe('literalStart', () => {
  it.each([
    [glob`user:${42}:*`, 'user:42:'],
    [glob`user:${'*'}:?`, 'user:*:'],
    [glob`*`, ''],
    [glob`user:42`, 'user:42'],
    [glob`[ab]c`, ''],
    [glob`a${'\\'}b*`, 'a\\b'],
    [glob`😀*`, '😀'],
    [glob``, ''],
  ])('of %o', (pattern, start) => {
    expect(literalStart(pattern)).toBe(start)
  })
})

describe('companionOf', () => {
  it.each([
    'shop:product:42',
    '{shop}:product:42',
    'a{b}c:d',
    'lease',
    'x:lease',
    'a:b:intents',
    '{t}x',
  ])('%s is found again, and is no companion itself', (key) => {
    for (const name of ['lease', 'intents', 'holders', 'parts'] as const)
      expect(companionOf(companion(key, name))).toBe(key)
    expect(companionOf(key)).toBe(undefined)
  })
})

onEach((bench) => {
  describe('all entries that match', () => {
    it('are invalidated on every node, and no other key is', async () => {
      const client = bench().newClient({ namespace: 'shop' })
      const keys = Array.from({ length: 700 }, (_, i) => client.key('user', 42, i))
      const others = [
        client.key('user', 4),
        client.key('user', '42'),
        'user:42:x',
        'xshop:user:42:x',
        'shop:user:421:x',
      ]
      await put(client, [...keys, ...others])
      const [queue, hash] = [client.key('user', 42, 'queue'), client.key('user', 42, 'hash')]
      await client.send({ args: ['RPUSH', queue, 'x'], keys: [queue] })
      await client.send({ args: ['HSET', hash, 'f', 'x'], keys: [hash] })
      const progress: number[] = []
      expect(
        await invalidateMatching(client, glob`user:${42}:*`, {
          count: 50,
          onProgress: (done) => progress.push(done),
        }),
      ).toBe(700)
      expect(progress.length).toBeGreaterThan(1)
      expect(progress).toEqual([...progress].sort((a, b) => a - b))
      expect(progress.at(-1)).toBe(700)
      for (const key of keys) expect(await exists(client, key)).toBe(false)
      for (const key of [...others, queue, hash]) expect(await exists(client, key), key).toBe(true)
      expect(await invalidateMatching(client, glob`user:${42}:*`)).toBe(0)
    })

    it('are the entries, and not keys that are named like companions', async () => {
      const client = bench().newClient({ namespace: 'shop' })
      await put(client, ['shop:contract:42', 'shop:contract:42:lease', 'shop:contract:42:intents'])
      await client.entries.beginWrite(['shop:contract:4'], createToken(), 60_000)
      expect(await invalidateMatching(client, glob`contract:4?`)).toBe(1)
      expect(await exists(client, 'shop:contract:42:lease')).toBe(true)
      expect(await exists(client, 'shop:contract:42:intents')).toBe(true)
      expect(await invalidateMatching(client, glob`contract:*`)).toBe(2)
    })

    it('can be more than one step looks at or sends', async () => {
      const client = bench().newClient({
        namespace: 'shop',
        resilience: { maxInFlight: 300, readTimeout: '20s', writeTimeout: '20s' },
      })
      const keys = Array.from({ length: 3_000 }, (_, i) => client.key('user', i))
      for (let i = 0; i < keys.length; i += 250) await put(client, keys.slice(i, i + 250))
      expect(await invalidateMatching(client, glob`user:*`, { count: 10_000 })).toBe(3_000)
    })

    it('are not stored by a load under way, whatever their names', async () => {
      const client = bench().newClient()
      for (const [key, pattern] of [
        ['a{b:c', glob`a{b:*`],
        ['x', glob`*`],
        ['a:b', glob`?:b`],
        ['a[b]:c*', glob`${'a[b]'}:*`],
        ['{t}:a:b', glob`{t}:*`],
      ] as const) {
        const token = createToken()
        await client.entries.lease(key, format, { token, ttl: 60_000 })
        await invalidateMatching(client, pattern)
        expect(await client.entries.fill(key, format, token, 'old', write), key).toBe(false)
      }
    })

    it('leave the companions of other keys alone', async () => {
      const client = bench().newClient({ namespace: 'shop' })
      const fence = `${beside('shop:lock:x')}:fence`
      await put(client, ['shop:user'])
      await client.send({ args: ['SET', fence, '7'], keys: [fence] })
      expect(await invalidateMatching(client, glob`*`)).toBe(1)
      expect(await exists(client, fence)).toBe(true)
    })

    it('stay if they are excepted', async () => {
      const client = bench().newClient({ namespace: 'shop' })
      await put(client, ['shop:lock:1', 'shop:{lock}:1', 'shop:locks', 'shop:user'])
      expect(
        await invalidateMatching(client, glob`*`, {
          except: (key) => key.startsWith('shop:lock:'),
        }),
      ).toBe(3)
      expect(await exists(client, 'shop:lock:1')).toBe(true)
    })

    it('are matched with inserted values escaped', async () => {
      const client = bench().newClient({ namespace: 'shop' })
      await put(client, [client.key('user', '*', 'a'), client.key('user', '42', 'a')])
      expect(await invalidateMatching(client, glob`user:${'*'}:*`)).toBe(1)
      expect(await exists(client, client.key('user', '42', 'a'))).toBe(true)
    })

    it.each(MOMENTS)(
      'do not come back by a load that began before, and fills at any moment: at %i',
      async (moment) => {
        for (const namespace of ['shop', '{shop}', 'shop{s}x']) {
          const client = bench().newClient({ namespace })
          const key = client.key('user', 42)
          const token = createToken()
          expect(await client.entries.lease(key, format, { token, ttl: 60_000 })).toMatchObject({
            status: 'leased',
          })
          const fill = () => client.entries.fill(key, format, token, 'old', write)
          await invalidateMatching(beforeScan(client, moment, fill), glob`user:*`)
          if (moment === MOMENTS.at(-1)) await fill()
          expect(await exists(client, key)).toBe(false)
        }
      },
    )

    it.each(MOMENTS)(
      'do not come back by a write that began before, and ends at any moment: at %i',
      async (moment) => {
        for (const namespace of ['shop', '{shop}', 'shop{s}x']) {
          for (const meta of [undefined, { version: 7 }]) {
            const client = bench().newClient({ namespace })
            const key = client.key('user', 42)
            const token = createToken()
            await client.entries.beginWrite([key], token, 60_000)
            const commit = () =>
              client.entries.commitWrite(key, token, {
                ...write,
                format,
                value: 'old',
                ...(meta && { meta }),
              })
            await invalidateMatching(beforeScan(client, moment, commit), glob`user:*`)
            if (moment === MOMENTS.at(-1)) await commit()
            expect(await exists(client, key)).toBe(false)
          }
        }
      },
    )

    it('are loaded again by later readers, whatever was under way', async () => {
      const [client, other] = [
        bench().newClient({ namespace: 'shop' }),
        bench().newClient({ namespace: 'shop' }),
      ]
      const options = { ttl: '1h' } as const
      const paths = [client, other].map(
        (each) =>
          new ReadPath<number>(
            each,
            'row',
            new LoadPolicy<number>(readOptions('rows', loadPolicyOptions, options)),
          ),
      )
      let source = 0
      const read = (path: ReadPath<number>, id: number) =>
        path.get(client.key('row', id), async () => {
          const value = source
          await sleep(Math.random() * 6)
          return value
        })
      let stop = false
      const traffic = paths.map(async (path) => {
        while (!stop) await Promise.all(Array.from({ length: 20 }, (_, id) => read(path, id)))
      })
      const writes = (async () => {
        for (let i = 0; !stop; i++) {
          const [key, token] = [client.key('row', i % 20), createToken()]
          await other.entries.beginWrite([key], token, 60_000)
          const value = source
          await sleep(Math.random() * 3)
          await other.entries.commitWrite(key, token, {
            format: createFormat<number>(),
            value,
            ttl: 60_000,
          })
        }
      })()
      const evictions = (async () => {
        while (!stop)
          await Promise.all(
            Array.from({ length: 20 }, (_, id) =>
              client.send({ args: ['DEL', client.key('row', id)], keys: [client.key('row', id)] }),
            ),
          )
      })()
      for (let round = 1; round <= ROUNDS; round++) {
        source = round
        await invalidateMatching(client, glob`row:*`, { count: 5 })
        const seen = await Promise.all(
          paths.flatMap((path) => Array.from({ length: 20 }, (_, id) => read(path, id))),
        )
        expect(seen.filter((value) => value !== round)).toEqual([])
      }
      stop = true
      await Promise.all([...traffic, writes, evictions])
    })

    it('stay when the signal aborts; keys that no entry can have are skipped', async () => {
      const client = bench().newClient()
      await client.send({ args: ['SET', 'a}b', '1'], keys: ['a}b'] })
      await client.send({ args: ['SET', 'a\nb', '1'], keys: ['a\nb'] })
      await put(client, ['a1', 'a2'])
      const reason = new Error('enough')
      await expect(
        invalidateMatching(client, glob`a*`, { signal: AbortSignal.abort(reason) }),
      ).rejects.toBe(reason)
      expect(await exists(client, 'a1')).toBe(true)
      expect(await invalidateMatching(client, glob`a*`)).toBe(2)
      expect(await exists(client, 'a}b')).toBe(true)
    })

    it('need a pattern that the tag made', async () => {
      await expect(
        invalidateMatching(bench().newClient(), 'user:*' as never),
      ).rejects.toBeInstanceOf(InvalidOptionError)
      for (const wrong of [
        { count: 0 },
        { onProgress: 1 },
        { except: 'x' },
        { signal: {} },
        { type: 'list' },
        null,
        7,
      ]) {
        await expect(
          invalidateMatching(bench().newClient(), glob`user:*`, wrong as never),
        ).rejects.toBeInstanceOf(InvalidOptionError)
      }
    })
  })
})

/** A client that does something before it scans all keys for the first, second, … time. */
function beforeScan(client: CacheClient, nth: number, act: () => Promise<unknown>): CacheClient {
  const seen = new Set<unknown>()
  const nodes = async () =>
    (await client.driver.nodes()).map((node) => ({
      ...node,
      send(...[commands, ...rest]: Parameters<typeof node.send>) {
        const match = commands[0]!.args[3]
        const before = !seen.has(match) && seen.size === nth ? act() : Promise.resolve()
        seen.add(match)
        return commands.map(async (command) => {
          await before
          return node.send([command], ...rest)[0]!
        })
      },
    }))
  return { ...client, driver: { ...client.driver, nodes } }
}
