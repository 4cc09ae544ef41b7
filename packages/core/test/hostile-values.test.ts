import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { hostileValues, plantValue } from '@cache/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  encrypted,
  json,
  type CacheClient,
  type LoadPolicyOptions,
  type Messages,
} from '../src/index.js'
import {
  LoadPolicy,
  ReadPath,
  checkOptions,
  companion,
  createFormat,
  createToken,
  loadPolicyOptions,
  writeSource,
} from '../src/internal.js'
import { onEach } from './cases.js'

type Row = { readonly version: number }

const key = '{row}:1'
const keys = { entry: key, lease: companion(key, 'lease'), intents: companion(key, 'intents') }

function pathOf(client: CacheClient, options: Partial<LoadPolicyOptions<Row>> = {}) {
  const policy = new LoadPolicy<Row>(
    checkOptions('test', { ttl: '1h', leaseTtl: '100ms', ...options }, loadPolicyOptions),
    { ttl: '1h', leaseTtl: '100ms', ...options },
  )
  return { path: new ReadPath<Row>(client, 'row', policy), format: policy.format }
}

onEach((bench) => {
  let told: Messages['error'][] = []
  const listen = (message: unknown): void => void told.push(message as Messages['error'])
  beforeEach(() => {
    told = []
    subscribe('cache:error', listen)
  })
  afterEach(() => void unsubscribe('cache:error', listen))

  describe.each([
    ['with stale values', { staleWhileRevalidate: '1h' }],
    [
      'encrypted, with versions',
      {
        codec: encrypted(json, { keys: { a: Buffer.alloc(32, 7) } }),
        version: ({ version }: Row) => version,
      },
    ],
  ] as const)('entries %s', (_, options) => {
    it.each(Object.entries(keys))(
      'are read, cached and changed whatever stands at their %s',
      async (kind, at) => {
        const client = bench().newClient()
        const { path, format } = pathOf(client, options as Partial<LoadPolicyOptions<Row>>)
        for (const value of hostileValues(['longest', 'conflict'])) {
          const { name } = value
          await plantValue(client, at, value)
          let loads = 0
          const load = (): Row => ({ version: 100 + ++loads })
          // An entry that is JSON, and no intent that ends by itself, is not hostile to those who
          // use no schema.
          for (let i = 0; i < 3; i++) await path.get(key, load)
          await path.idle()
          const stays = await client.entries.read(key, format)
          expect(loads, `${kind}: ${name}`).toBeLessThanOrEqual(
            at === keys.entry && stays?.version === undefined ? 1 : at === keys.intents ? 3 : 1,
          )

          for (const change of [
            () => client.entries.invalidate([key]),
            () => client.entries.put(key, format, { version: 500 }, { ttl: 60_000 }),
            () => writeSource(client, { keys: [key], intentTtl: 1_000, change: () => undefined }),
          ]) {
            await client.send({ args: ['DEL', keys.entry], keys: [keys.entry] })
            await plantValue(client, at, value)
            await change()
            const token = createToken()
            expect(
              await client.entries.lease(key, format, {
                token,
                ttl: 1_000,
                staleBelow: 'all',
                take: true,
              }),
              `${kind}: ${name}: ${String(change)}`,
            ).toMatchObject({ status: 'leased' })
            await client.entries.release(key, token)
          }
        }
      },
      60_000,
    )

    it('are reported where they are of another type, and replaced', async () => {
      const client = bench().newClient()
      const { path, format } = pathOf(client, options as Partial<LoadPolicyOptions<Row>>)
      for (const [kind, at] of Object.entries(keys)) {
        for (const value of hostileValues()) {
          const { type, name } = value
          if (type === (kind === 'intents' ? 'zset' : 'string')) continue
          await client.send({ args: ['DEL', ...Object.values(keys)], keys: Object.values(keys) })
          await plantValue(client, at, value)
          told = []
          await path.get(key, () => ({ version: 1 }))
          expect(told, `${kind}: ${name}`).toContainEqual(
            expect.objectContaining({
              key: at,
              error: expect.objectContaining({ code: 'FOREIGN_VALUE' }) as unknown,
            }),
          )
          expect((await client.entries.read(key, format))?.value, `${kind}: ${name}`).toEqual({
            version: 1,
          })
        }
      }
    }, 60_000)
  })

  it('a version that only Lua could take for one keeps nothing out', async () => {
    const client = bench().newClient()
    const { path, format } = pathOf(client, {
      version: ({ version }) => version,
      codec: encrypted(json, { keys: { a: Buffer.alloc(32, 7) } }),
    })
    for (const value of hostileValues().filter((one) => one.name.includes('frame'))) {
      const { name } = value
      await plantValue(client, key, value)
      await path.get(key, () => ({ version: 1 }))
      expect((await client.entries.read(key, format))?.value, name).toEqual({ version: 1 })

      await plantValue(client, key, value)
      await client.entries.put(key, format, { version: 2 }, { ttl: 60_000, meta: { version: 2 } })
      const token = createToken()
      await client.entries.beginWrite([key], token, 1_000)
      await client.entries.commitWrite(key, token, {
        format,
        value: { version: 3 },
        ttl: 60_000,
        meta: { version: 3 },
      })
      await path.get(key, () => ({ version: 3 }))
      expect((await client.entries.read(key, format))?.value, name).toEqual({ version: 3 })
    }
  })

  it('a lease that never ends holds nobody up, and one that ends in a year no longer than a lease of ours', async () => {
    const client = bench().newClient()
    const format = createFormat<Row>()
    for (const holder of ['somebody', 'skip']) {
      await plantValue(client, keys.lease, { plant: (at) => [['SET', at, holder]] })
      const token = createToken()
      expect(await client.entries.lease(key, format, { token, ttl: 500 })).toMatchObject({
        status: 'leased',
      })
      await client.entries.release(key, token)
      await plantValue(client, keys.lease, {
        plant: (at) => [['SET', at, holder, 'EX', '30000000']],
      })
      expect(
        await client.entries.lease(key, format, { token: createToken(), ttl: 500 }),
      ).toMatchObject(holder === 'skip' ? { status: 'skip' } : { status: 'wait', remaining: 500 })
    }
  })
})
