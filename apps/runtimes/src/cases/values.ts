import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createAside } from '@cache/aside'
import { CacheError, compressed, encrypted, json, msgpack, v8, type Codec } from '@cache/core'
import { hasV8 } from '../has-v8.js'
import type { Case } from '../stage.js'

const value = {
  text: 'chair '.repeat(2_000),
  at: new Date(1_764_288_000_000),
  tags: new Map([['a', new Set([1, 2])]]),
  count: 12n,
}

const key = randomBytes(32)

const codecs: Record<string, Codec<any>> = {
  json,
  ...(hasV8 && { v8 }),
  deflate: compressed(json, { algorithm: 'deflate' }),
  brotli: compressed(json, { algorithm: 'brotli' }),
  encrypted: encrypted(json, { keys: { k1: key } }),
}

export const values = {
  'codecs: every codec returns what was stored': async (stage) => {
    const client = stage.client()
    for (const [name, codec] of Object.entries(codecs)) {
      const rows = createAside<typeof value>({ client, prefix: `codec-${name}`, ttl: '1h', codec })
      await rows.getOrLoad(1, async () => value)
      assert.deepEqual(await rows.peek(1), value, name)
    }
    if (!hasV8)
      assert.throws(
        () => createAside({ client, prefix: 'codec-v8', ttl: '1h', codec: v8 }),
        (error) => error instanceof CacheError && error.code === 'UNSUPPORTED_RUNTIME',
      )
    const packed = createAside({ client, prefix: 'codec-msgpack', ttl: '1h', codec: msgpack })
    await packed.getOrLoad(1, async () => ({ text: value.text, at: value.at }))
    assert.deepEqual(await packed.peek(1), { text: value.text, at: value.at })
  },
} satisfies Record<string, Case>
