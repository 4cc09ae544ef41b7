import assert from 'node:assert/strict'
import { createAside } from '@cache/aside'
import { createCacheClient } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { shardedDriver } from '@cache/sharding'
import type { Case } from '../stage.js'

export const drivers = {
  'sharding: each key is on its shard, and all can be read': async (stage) => {
    const sharded = shardedDriver({ shards: { a: stage.driver(0), b: stage.driver(1) } })
    const client = stage.client(sharded)
    const rows = createAside<number, number>({ client, prefix: 'sharding', ttl: '1h' })
    const ids = Array.from({ length: 40 }, (_, i) => i)
    await rows.getOrLoadMany(ids, async (missing) => [...missing])
    assert.deepEqual(await Promise.all(ids.map((id) => rows.peek(id))), ids)
    const single = { a: stage.client(stage.driver(0)), b: stage.client(stage.driver(1)) }
    const counts = { a: 0, b: 0 }
    for (const id of ids) {
      const key = client.key('sharding', id)
      const shard = sharded.shardOf(key) as 'a' | 'b'
      counts[shard] += Number(await single[shard].send({ args: ['EXISTS', key], keys: [key] }))
    }
    assert.equal(counts.a + counts.b, 40)
    assert.ok(counts.a > 0 && counts.b > 0, JSON.stringify(counts))
  },

  'memory: entries expire by the clock of the driver, and its faults are outages': async () => {
    const driver = memoryDriver()
    await using client = createCacheClient(driver, {
      resilience: { readTimeout: '10s' },
      onError: () => undefined,
    })
    const rows = createAside<string>({ client, prefix: 'memory', ttl: '1m' })
    assert.equal(await rows.getOrLoad(1, () => 'first'), 'first')
    assert.equal(await rows.getOrLoad(1, () => 'second'), 'first')
    driver.setClock(120_000)
    assert.equal(await rows.getOrLoad(1, () => 'third'), 'third')
    driver.faults.refused = true
    assert.equal(await rows.getOrLoad(1, () => 'source'), 'source')
  },
} satisfies Record<string, Case>
