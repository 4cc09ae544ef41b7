import { createWriteBehindWorker } from '@cache/write-behind'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

// A worker whose database is another Redis. The share `failing` of its calls fails: half of these
// before they have changed anything, and half afterwards.

export interface Start {
  readonly queue: string
  readonly database: string
  readonly client: 'ioredis' | 'node-redis'
  readonly failing: number
  readonly coalesce: boolean
  readonly ownershipTtl: number
}

/**
 * Applies the writes that are newer than the rows, and records their order. Records a worker in
 * `late` if it flushes a partition after a later owner did.
 */
const APPLY = `
local partition, fence = table.remove(ARGV, 1), tonumber(table.remove(ARGV, 1))
local highest = tonumber(redis.call('HGET', 'fences', partition) or 0)
if fence < highest then redis.call('RPUSH', 'late', partition .. ' ' .. fence) end
redis.call('HSET', 'fences', partition, string.format('%.0f', math.max(fence, highest)))
for i = 1, #ARGV, 3 do
  local id, sequence, n = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if tonumber(redis.call('HGET', 'sequences', id) or 0) < tonumber(sequence) then
    redis.call('HSET', 'sequences', id, sequence)
    redis.call('HSET', 'rows', id, n)
    redis.call('RPUSH', 'order:' .. id, n)
  end
end`

const child = childProcess<Start>()
const { queue, database: url, client: kind, failing, coalesce, ownershipTtl } = child.data
const database = new Redis(url)
const driver =
  kind === 'ioredis'
    ? ioredisDriver(new Redis(queue, { retryStrategy: () => 50 }))
    : nodeRedisDriver(createClient({ url: queue, socket: { reconnectStrategy: 50 } }))
const client = createCacheClient(driver, {
  resilience: { breaker: { failures: 5, cooldown: 100 } },
})

const worker = createWriteBehindWorker<{ n: number }>({
  client,
  prefix: 'rows',
  coalesce,
  ownershipTtl,
  linger: 5,
  batchSize: 200,
  retry: { attempts: 1_000, backoff: 20, max: 200 },
  async flush(writes, { fence, partition }) {
    if (Math.random() < failing / 2) throw new Error('the database is out')
    await child.say({ type: 'flush', fence, partition, writes: writes.length })
    await database.eval(
      APPLY,
      0,
      partition,
      fence,
      ...writes.flatMap(({ id, sequence, value }) => [id, sequence, value?.n ?? 'deleted']),
    )
    if (Math.random() < failing / 2) throw new Error('the answer of the database was lost')
  },
})

await child.say('ready')
const stop = new AbortController()
void child.next('stop', { timeout: 600_000 }).then(() => stop.abort())
await worker.run({ signal: stop.signal })
await child.say('stopped')
process.exit(0)
