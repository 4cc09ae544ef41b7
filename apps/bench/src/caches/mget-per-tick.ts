import { Redis } from 'ioredis-6'
import { createClient } from 'redis'
import type { Product } from '../workload/product.js'
import { ONE_HOUR, type Contender, type MeasuredCache } from './cache.js'

/**
 * What batching alone brings: the reads of a tick become one MGET. It is the limit that a library
 * which batches can reach on a hit.
 */
export const mgetPerTickOnIoredis: Contender = {
  name: 'ioredis, one MGET per tick',
  bare: 'ioredis',
  kind: 'bare',
  async open(url) {
    const redis = new Redis(url)
    redis.on('error', () => undefined)
    return batching({
      mget: (keys) => redis.mget(keys),
      set: (key, value) => redis.set(key, value, 'PX', ONE_HOUR),
      del: (key) => redis.del(key),
      end: () => redis.disconnect(),
    })
  },
}

export const mgetPerTickOnNodeRedis: Contender = {
  name: 'node-redis, one MGET per tick',
  bare: 'node-redis',
  kind: 'bare',
  async open(url) {
    const redis = createClient({ url })
    redis.on('error', () => undefined)
    await redis.connect()
    return batching({
      mget: (keys) => redis.mGet(keys),
      set: (key, value) => redis.set(key, value, { PX: ONE_HOUR }),
      del: (key) => redis.del(key),
      end: () => redis.destroy(),
    })
  },
}

interface Commands {
  mget(keys: string[]): Promise<(string | null)[]>
  set(key: string, value: string): Promise<unknown>
  del(key: string): Promise<unknown>
  end(): void
}

interface Read {
  resolve(value: string | null): void
  reject(error: unknown): void
}

function batching({ mget, set, del, end }: Commands): MeasuredCache {
  let keys: string[] = []
  let reads: Read[] = []
  const send = () => {
    const waiting = reads
    const sent = mget(keys)
    ;[keys, reads] = [[], []]
    sent.then(
      (values) => waiting.forEach(({ resolve }, i) => resolve(values[i]!)),
      (error: unknown) => waiting.forEach(({ reject }) => reject(error)),
    )
  }
  const get = (key: string) =>
    new Promise<string | null>((resolve, reject) => {
      if (keys.push(key) === 1) process.nextTick(send)
      reads.push({ resolve, reject })
    })
  return {
    async getOrLoad(id, load) {
      const cached = await get(`bare:${id}`)
      if (cached !== null) return JSON.parse(cached) as Product
      const value = await load()
      await set(`bare:${id}`, JSON.stringify(value))
      return value
    },
    invalidate: async (id) => void (await del(`bare:${id}`)),
    close: async () => end(),
  }
}
