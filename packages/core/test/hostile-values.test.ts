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
  readOptions,
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
    readOptions('test', loadPolicyOptions, { ttl: '1h', leaseTtl: '100ms', ...options }),
  )
  return { path: new ReadPath<Row>(client, 'row', policy), format: policy.format }
}

onEach((bench) => {
  let errors: Messages['error'][] = []
  const listen = (message: unknown): void => void errors.push(message as Messages['error'])
  beforeEach(() => {
    errors = []
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
      'can be read, cached and changed whatever value is stored at their %s',
      async (kind, at) => {
        const client = bench().newClient()
        const { path, format } = pathOf(client, options as Partial<LoadPolicyOptions<Row>>)
        for (const value of hostileValues(['longest', 'conflict'])) {
          const { name } = value
          await plantValue(client, at, value)
          let loads = 0
          const load = (): Row => ({ version: 100 + ++loads })
          // Two kinds of values are not hostile here: JSON at the entry, because there is no
          // schema, and intents that expire.
          for (let i = 0; i < 3; i++) await path.get(key, load)
          await path.idle()
          const remaining = await client.entries.read(key, format)
          expect(loads, `${kind}: ${name}`).toBeLessThanOrEqual(
            at === keys.entry && remaining?.version === undefined ? 1 : at === keys.intents ? 3 : 1,
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

    it('report and replace values of another type', async () => {
      const client = bench().newClient()
      const { path, format } = pathOf(client, options as Partial<LoadPolicyOptions<Row>>)
      for (const [kind, at] of Object.entries(keys)) {
        for (const value of hostileValues()) {
          const { type, name } = value
          if (type === (kind === 'intents' ? 'zset' : 'string')) continue
          await client.send({ args: ['DEL', ...Object.values(keys)], keys: Object.values(keys) })
          await plantValue(client, at, value)
          errors = []
          await path.get(key, () => ({ version: 1 }))
          expect(errors, `${kind}: ${name}`).toContainEqual(
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

  it('a version that is valid only for Lua keeps no write out', async () => {
    const client = bench().newClient()
    const { path, format } = pathOf(client, {
      version: ({ version }) => version,
      codec: encrypted(json, { keys: { a: Buffer.alloc(32, 7) } }),
    })
    for (const value of hostileValues().filter(({ name }) => name.includes('frame'))) {
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

  it('a lease without an end, or with a distant one, blocks like a regular lease', async () => {
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
