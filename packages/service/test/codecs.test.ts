import { randomBytes } from 'node:crypto'
import { createAside, createReadThrough } from '@cache/aside'
import {
  compressed,
  createCacheClient,
  encrypted,
  json,
  msgpack,
  v8,
  type CacheClient,
  type Codec,
  type Schema,
} from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createHierarchical } from '@cache/hierarchical'
import { createLocks, createStampedeGuard } from '@cache/lock'
import {
  createInvalidationBus,
  withNearCache,
  type InvalidationBus,
  type NearCacheClient,
} from '@cache/pubsub-invalidation'
import { matrix, type Stage } from '@cache/testkit'
import { createVersioned } from '@cache/versioning'
import { createWriteBehind } from '@cache/write-behind'
import { createWriteThrough } from '@cache/write-through'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createCacheService } from '../src/index.js'

// Tests every pattern with every codec, with and without a schema. One process reads the values
// that another one stored.

interface Doc {
  readonly id: number
  readonly shelf: number
  readonly text: string
  /** What JSON has a word for, or what only this codec has. */
  readonly more: unknown
  /** Made by the schemas that transform. */
  readonly label?: string
}

const keys = { a: randomBytes(32) }
const plain = { list: [1, null, { deep: 'ü €' }], nothing: null }
const binary = {
  at: new Date(5),
  map: new Map([['n', 1n]]),
  set: new Set(['x']),
  none: undefined,
  bytes: new Uint8Array([1, 2, 3]),
}
const rich = {
  ...binary,
  nan: [NaN, Infinity, -0],
  pattern: /a+/gi,
  url: new URL('https://example.com/?q=1'),
  failure: Object.assign(new TypeError('no', { cause: new Error('why') }), { code: 'E' }),
  buffer: Buffer.from('x'),
  samples: new Float32Array([0.5, 2]),
}
const packed = {
  at: new Date(5),
  set: new Set(['x']),
  none: undefined,
  bytes: Buffer.from([1, 2, 3]),
}

const codecs: readonly (readonly [string, Codec<any>, unknown])[] = [
  ['json', json, plain],
  ['json, of values with tags', json, rich],
  ['v8', v8, binary],
  ['msgpack', msgpack, packed],
  ['compressed json', compressed(json, { threshold: 1 }), plain],
  [
    'compressed msgpack, by brotli',
    compressed(msgpack, { threshold: 1, algorithm: 'brotli' }),
    packed,
  ],
  ['encrypted json', encrypted(json, { keys }), plain],
  ['encrypted compressed json', encrypted(compressed(json, { threshold: 1 }), { keys }), rich],
  ['encrypted compressed v8', encrypted(compressed(v8, { threshold: 1 }), { keys }), binary],
]

const labelled = (doc: Doc): Doc => ({ ...doc, label: `${doc.id}: ${doc.text}` })
const isDoc = (value: unknown): value is Doc => typeof (value as Doc | null)?.text === 'string'
const refusal = { issues: [{ message: 'no Doc' }] }
type Validate = Schema<Doc>['~standard']['validate']
const schemaOf = (validate: Validate): Schema<Doc> => ({
  '~standard': { version: 1, vendor: 'test', validate },
})

/** What a reader gets of a stored Doc. */
interface Shape {
  readonly schema?: Schema<Doc>
  seen(doc: Doc): Doc
}

const shapes: readonly (readonly [string, Shape])[] = [
  ['no schema', { seen: (doc) => doc }],
  [
    'a schema that transforms',
    {
      schema: schemaOf((value) => (isDoc(value) ? { value: labelled(value) } : refusal)),
      seen: labelled,
    },
  ],
  [
    'an asynchronous schema that transforms',
    {
      schema: schemaOf(async (value) => (isDoc(value) ? { value: labelled(value) } : refusal)),
      seen: labelled,
    },
  ],
]

const settings = {
  namespace: 'shop',
  resilience: { readTimeout: '5s', writeTimeout: '5s' },
} as const
const cases = matrix<CacheClient>({
  ioredis: (raw) => createCacheClient(ioredisDriver(raw), settings),
  'node-redis': (raw) => createCacheClient(nodeRedisDriver(raw), settings),
}).filter(({ topology }) => topology === 'standalone')

describe.each(cases)('on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  let mine: CacheClient
  let theirs: CacheClient
  let bus: InvalidationBus
  let near: NearCacheClient
  /** Of each test, what its keys begin with: nothing is kept of the tests before. */
  let prefix: string
  let tests = 0
  const ends: (() => Promise<unknown>)[] = []
  beforeAll(async () => {
    stage = await start()
    mine = stage.driver()
    theirs = stage.driver()
    bus = createInvalidationBus({ client: theirs })
    near = withNearCache(theirs, { bus })
    await bus.ready()
  })
  afterAll(async () => {
    for (const one of [near, bus, mine, theirs]) await one.close()
    await stage.stop()
  })
  beforeEach(() => void (prefix = `doc${++tests}`))
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
  })

  const loaded = (): never => {
    throw new Error('It was to be found in Redis.')
  }

  const each = (
    name: string,
    check: (codec: Codec<any>, doc: Doc, shape: Shape) => Promise<void>,
  ): void => {
    describe.each(codecs)(`${name}, %s`, (_, codec, more) => {
      it.each(shapes)('with %s', (__, shape) =>
        check(codec, { id: 1, shelf: 7, text: 'one', more }, shape),
      )
    })
  }
  /** The options of a pattern. */
  const common = (codec: Codec<any>, { schema }: Shape) =>
    ({ prefix, ttl: '1h', codec, ...(schema && { schema }) }) as const

  each('cache-aside', async (codec, doc, shape) => {
    const options = {
      ...common(codec, shape),
      key: (id: number) => id,
      staleWhileRevalidate: '1m',
      negativeTtl: '1m',
    } as const
    const [a, b] = [
      createAside<Doc, number>({ client: mine, ...options }),
      createAside<Doc, number>({ client: theirs, ...options }),
    ]
    expect(await a.getOrLoad(1, () => doc)).toEqual(doc)
    expect(
      await a.getOrLoadMany([1, 2, 3], (ids) =>
        ids.map((id) => (id === 3 ? null : { ...doc, id })),
      ),
    ).toEqual([shape.seen(doc), { ...doc, id: 2 }, null])
    expect(await b.getOrLoad(1, loaded)).toEqual(shape.seen(doc))
    expect(await b.getOrLoadMany([1, 2, 3], loaded)).toEqual([
      shape.seen(doc),
      shape.seen({ ...doc, id: 2 }),
      null,
    ])
    expect(await b.set(1, { ...doc, text: 'set' })).toBe(true)
    expect(await a.peek(1)).toEqual(shape.seen({ ...doc, text: 'set' }))
    await b.expire(1)
    let stale: unknown
    await a.getOrLoad(1, (context) => {
      stale = context.stale
      return context.notModified()
    })
    await a.idle()
    expect(stale).toEqual(shape.seen({ ...doc, text: 'set' }))
    expect(await b.getOrLoad(1, loaded)).toEqual(shape.seen({ ...doc, text: 'set' }))
  })

  each('read-through, through a near cache', async (codec, doc, shape) => {
    const options = { ...common(codec, shape), load: () => doc }
    const [a, b] = [
      createReadThrough({ client: mine, ...options }),
      createReadThrough({ client: near, ...options, load: loaded as () => Doc }),
    ]
    await a.get(1)
    for (let i = 0; i < 3; i++) expect(await b.get(1)).toEqual(shape.seen(doc))
    expect(await b.getMany([1])).toEqual([shape.seen(doc)])
    await b.set(1, { ...doc, text: 'set' })
    for (let i = 0; i < 2; i++) expect(await b.get(1)).toEqual(shape.seen({ ...doc, text: 'set' }))
    expect(await a.get(1)).toEqual(shape.seen({ ...doc, text: 'set' }))
  })

  each('write-through', async (codec, doc, shape) => {
    const patched = (current: Doc, patch: Partial<Doc>): Doc => ({ ...current, ...patch })
    const options = { ...common(codec, shape), load: (_id: number): Doc => loaded() }
    const whole = createWriteThrough({
      ...options,
      client: mine,
      store: (id: number, patch: Partial<Doc>) => patched({ ...doc, id }, patch),
      storeMany: (writes) => writes.map(([id, patch]) => patched({ ...doc, id }, patch)),
    })
    const merging = createWriteThrough({
      ...options,
      client: near,
      store: (_id: number, _patch: Partial<Doc>) => undefined,
      merge: patched,
    })
    ends.push(
      () => whole.close(),
      () => merging.close(),
    )
    await whole.put(1, doc)
    expect(await merging.get(1)).toEqual(shape.seen(doc))
    expect(await merging.update(1, { text: 'merged' })).toMatchObject({
      text: 'merged',
      more: doc.more,
    })
    for (const one of [whole, merging])
      expect(await one.get(1)).toEqual(shape.seen({ ...doc, text: 'merged' }))
    await whole.updateMany([
      [1, { text: 'first' }],
      [2, { text: 'second' }],
    ])
    expect(await whole.getMany([1, 2])).toEqual([
      shape.seen({ ...doc, text: 'first' }),
      shape.seen({ ...doc, id: 2, text: 'second' }),
    ])
  })

  each('write-behind, through a near cache', async (codec, doc, shape) => {
    const { prefix: name, ...options } = common(codec, shape)
    const open = (client: CacheClient) =>
      createWriteBehind<Doc | undefined, string, Partial<Doc>>({
        ...options,
        client,
        prefix: name,
        load: async () => undefined,
        merge: (current, patch) => ({ ...doc, ...current, ...patch }),
      })
    const [a, b] = [open(mine), open(near)]
    ends.push(
      () => a.close(),
      () => b.close(),
    )
    await a.put('1', doc)
    expect(await b.get('1')).toEqual(shape.seen(doc))
    await b.update('1', { text: 'merged' })
    for (const one of [a, b, b])
      expect(await one.get('1')).toEqual(shape.seen({ ...doc, text: 'merged' }))
  })

  describe.each(['stamp', 'key'] as const)('strategy %s', (strategy) => {
    each('versioning', async (codec, doc, shape) => {
      const open = (client: CacheClient, load: () => Doc) =>
        createVersioned<Doc>({
          ...common(codec, shape),
          client,
          strategy,
          groups: () => [`${prefix}:7`],
          load,
        })
      const [a, b] = [open(mine, () => doc), open(near, loaded)]
      await a.get(1)
      for (let i = 0; i < 2; i++) expect(await b.get(1)).toEqual(shape.seen(doc))
      const { versions, changed } = {
        versions: await b.versions([`${prefix}:7`]),
        changed: { ...doc, text: 'set' },
      }
      expect(await b.set(1, changed, { versions })).toBe(true)
      expect([await a.peek(1), await b.peek(1)]).toEqual([shape.seen(changed), shape.seen(changed)])
      expect(await a.getMany([1])).toEqual([shape.seen(changed)])
    })
  })

  describe.each([
    ['as one entry', '1mb'],
    ['as a hash', 1],
  ] as const)('groups stored %s', (_, maxGroupBytes) => {
    each('hierarchical', async (codec, doc, { schema, seen }) => {
      const docs: readonly Doc[] = [doc, { ...doc, id: 2 }, { ...doc, id: 3, shelf: 8 }]
      const [shelf, room] = [`${prefix}:shelf`, `${prefix}:room`]
      let loads = 0
      const open = (client: CacheClient) =>
        createHierarchical({
          client,
          ttl: '1h',
          codec,
          ...(schema && { schema }),
          maxGroupBytes,
          levels: [
            { prefix, id: ({ id }: Doc) => id },
            {
              prefix: shelf,
              id: ({ shelf }) => shelf,
              of: (id: number) => docs.find((one) => one.id === id)?.shelf,
              load: (id) => (loads++, docs.filter(({ shelf }) => shelf === id)),
            },
            { prefix: room, id: () => 'all', of: () => 'all', load: () => (loads++, docs) },
          ],
        })
      const [a, b] = [open(mine), open(near)]
      await a.getGroup(room, 'all')
      loads = 0
      for (let i = 0; i < 2; i++) expect(await b.getGroup(room, 'all')).toEqual(docs.map(seen))
      expect(await b.getGroup(shelf, 7)).toEqual(docs.slice(0, 2).map(seen)) // from the cached room
      for (const one of [a, b, b])
        expect(await one.getGroup(shelf, 7)).toEqual(docs.slice(0, 2).map(seen))
      expect(await b.get(2)).toEqual(seen(docs[1]!))
      for (const one of [a, b, b]) expect(await one.getMany([1, 2, 3])).toEqual(docs.map(seen))
      expect(await a.peek(2)).toEqual(seen(docs[1]!))
      expect(loads).toBe(0)
    })
  })

  each('the service', async (codec, doc, { schema, seen }) => {
    const open = (client: CacheClient, more: { readonly bus?: InvalidationBus }) => {
      const cache = createCacheService({ client, codec, ...more })
      ends.push(() => cache.close())
      return {
        cache,
        docs: cache.remember<Doc>({ prefix, load: () => doc, ...(schema && { schema }) }),
      }
    }
    const [a, b] = [open(mine, {}), open(theirs, { bus })]
    await a.cache.get(`${prefix}-page`, () => doc)
    for (let i = 0; i < 2; i++) expect(await b.cache.get(`${prefix}-page`)).toEqual(doc)
    await b.cache.set([`${prefix}-page`, 2], doc)
    for (const { cache } of [a, b]) expect(await cache.get(`${prefix}-page:2`, loaded)).toEqual(doc)
    await a.docs.get(1)
    for (let i = 0; i < 2; i++) expect(await b.docs.get(1)).toEqual(seen(doc))
  })

  each('a stampede guard', async (codec, doc, { schema, seen }) => {
    const open = (client: CacheClient) => {
      const locks = createLocks({ client })
      ends.push(() => locks.close())
      return createStampedeGuard<Doc>({
        client,
        locks,
        ttl: '1h',
        codec,
        ...(schema && { schema }),
      })
    }
    await open(mine).get(prefix, () => doc)
    expect(await open(theirs).get(prefix, loaded)).toEqual(seen(doc))
  })
})
