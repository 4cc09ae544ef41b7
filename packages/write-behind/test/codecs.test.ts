import { randomBytes } from 'node:crypto'
import { compressed, encrypted, json, msgpack, v8, type CacheClient, type Codec } from '@cache/core'
import { beside, createKeys } from '@cache/core/internal'
import type { Stage } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createWriteBehind, createWriteBehindWorker, type PendingWrite } from '../src/index.js'
import { cases } from './cases.js'

interface Doc {
  readonly text: string
  readonly n: number
}

const keys = { a: randomBytes(32) }
const codecs: readonly (readonly [string, Codec<any>])[] = [
  ['json', json],
  ['v8', v8],
  ['msgpack', msgpack],
  ['compressed', compressed(json, { threshold: 1 })],
  ['encrypted', encrypted(json, { keys })],
  ['encrypted compressed v8', encrypted(compressed(v8), { keys })],
]

/** Accepts only a Doc. */
const schema = {
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) =>
      typeof (value as Doc | null)?.text === 'string'
        ? { value: value as Doc }
        : { issues: [{ message: 'not a Doc' }] },
  },
}

describe.each(cases.filter(({ topology }) => topology === 'standalone'))(
  'codecs, on $name',
  ({ start }) => {
    let stage: Stage<CacheClient>
    let client: CacheClient
    beforeAll(async () => void (stage = await start()))
    afterAll(() => stage.stop())
    beforeEach(async () => {
      await stage.flush()
      client = stage.driver()
    })

    const drain = async <T>(
      codec: Codec<any>,
      options: object,
      until: () => Promise<unknown>,
    ): Promise<PendingWrite<T, string>[]> => {
      const received: PendingWrite<T, string>[] = []
      const stop = new AbortController()
      const running = createWriteBehindWorker<T>({
        client,
        prefix: 'docs',
        partitions: 1,
        codec,
        flush: (writes) => void received.push(...writes),
        ...options,
      }).run({ signal: stop.signal })
      await until()
      stop.abort()
      await running
      return received
    }

    it.each(codecs)(
      '%s: values and patches arrive unchanged, with and without a schema',
      async (_, codec) => {
        for (const options of [{}, { schema }]) {
          await stage.flush()
          const docs = createWriteBehind<Doc | undefined, string, Partial<Doc>>({
            client,
            prefix: 'docs',
            ttl: '1h',
            partitions: 1,
            codec,
            ...options,
            load: async () => undefined,
            merge: (current, patch) => ({ text: '', n: 0, ...current, ...patch }),
          })
          await docs.put('1', { text: 'one', n: 1 })
          await docs.update('2', { text: 'two' })
          await docs.update('2', { n: 2 })
          await docs.delete('3')
          expect(await docs.getMany(['1', '2', '3'])).toEqual([
            { text: 'one', n: 1 },
            { text: 'two', n: 2 },
            null,
          ])
          const received = await drain<Doc>(codec, options, () =>
            Promise.all(['1', '2', '3'].map((id) => docs.flushed(id))),
          )
          expect(await docs.deadLetters.list()).toEqual([])
          expect(received.find(({ id }) => id === '1')).toMatchObject({
            kind: 'write',
            value: { text: 'one', n: 1 },
            patches: [],
          })
          expect(received.find(({ id }) => id === '2')).toMatchObject({
            value: { text: 'two', n: 2 },
            patches: [{ text: 'two' }, { n: 2 }],
          })
          expect(received.find(({ id }) => id === '3')).toMatchObject({
            kind: 'delete',
            value: null,
          })
          await docs.close()
        }
      },
    )

    it('encrypted: neither values nor patches are readable in Redis', async () => {
      const codec = encrypted(json, { keys })
      const docs = createWriteBehind<Doc | undefined, string, Partial<Doc>>({
        client,
        prefix: 'docs',
        ttl: '1h',
        partitions: 1,
        codec,
        load: async () => undefined,
        merge: (current, patch) => ({ text: '', n: 0, ...current, ...patch }),
      })
      await docs.update('1', { text: 'the secret' })
      const key = `${beside(createKeys(client.namespace, 'docs')(0))}:stream`
      const stream = (await client.send({
        args: ['XRANGE', key, '-', '+'],
        keys: [key],
        binary: true,
      })) as unknown as readonly [Buffer, readonly Buffer[]][]
      const stored = Buffer.concat(stream.flatMap(([, fields]) => [...fields]))
      expect(stored.length).toBeGreaterThan(20)
      expect(stored.includes('secret')).toBe(false)
      await docs.close()
    })

    it.each([
      ['json', json],
      ['v8', v8],
    ])('%s: values and patches may hold types that JSON does not have', async (_, codec) => {
      const docs = createWriteBehind<
        Map<string, unknown> | undefined,
        string,
        Map<string, unknown>
      >({
        client,
        prefix: 'docs',
        ttl: '1h',
        partitions: 1,
        codec,
        load: async () => undefined,
        merge: (current, patch) => new Map([...(current ?? []), ...patch]),
      })
      const patch = new Map<string, unknown>([
        ['at', new Date(0)],
        ['n', 1n],
        ['none', undefined],
        ['nan', NaN],
        ['bytes', Buffer.from('x')],
      ])
      await docs.update('1', patch)
      const received = await drain<Map<string, unknown>>(codec, {}, () => docs.flushed('1'))
      expect(received).toMatchObject([{ value: patch, patches: [patch] }])
      await docs.close()
    })

    it('patchCodec: patches may have their own codec', async () => {
      const codec: Codec<Doc> = {
        name: 'doc',
        encode: ({ text, n }) => `${n} ${text}`,
        decode: (payload) => {
          const [n, text] = payload.toString().split(' ')
          return { text: text!, n: Number(n) }
        },
      }
      const docs = createWriteBehind<Doc | undefined, string, number>({
        client,
        prefix: 'docs',
        ttl: '1h',
        partitions: 1,
        codec,
        patchCodec: json,
        load: async () => undefined,
        merge: (current, by) => ({ text: 'sum', n: (current?.n ?? 0) + by }),
      })
      await docs.update('1', 2)
      await docs.update('1', 3)
      const received = await drain<Doc>(codec, { patchCodec: json }, () => docs.flushed('1'))
      expect(received).toMatchObject([{ value: { text: 'sum', n: 5 }, patches: [2, 3] }])
      await docs.close()
    })
  },
)
