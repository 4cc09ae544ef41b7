import { createCacheClient, type CacheClient, type ResilienceOptions } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

export const clientNames = ['ioredis', 'node-redis'] as const
export type ClientName = (typeof clientNames)[number]

/** The timeouts are long enough for a machine that is busy with other tests. */
const patient = { readTimeout: '5s', writeTimeout: '5s' } as const

/** Creates clients with connections of their own: to Redis, each is another process. */
export class Clients implements AsyncDisposable {
  readonly #ends: (() => unknown)[] = []

  create(name: ClientName, url: string, resilience: ResilienceOptions = patient): CacheClient {
    const [driver, end] = connect(name, url)
    const client = createCacheClient(driver, { namespace: 'shop', resilience })
    this.#ends.push(end, () => client.close())
    return client
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end()
  }
}

function connect(name: ClientName, url: string) {
  if (name === 'ioredis') {
    const redis = new Redis(url, { retryStrategy: () => 50 })
    return [ioredisDriver(redis, { timeout: 2_000 }), () => redis.disconnect()] as const
  }
  const redis = createClient({ url, socket: { reconnectStrategy: 50 } })
  return [nodeRedisDriver(redis, { timeout: 2_000 }), () => redis.destroy()] as const
}

/** Returns all keys. */
export async function allKeys(client: CacheClient): Promise<string[]> {
  return ((await client.send({ args: ['KEYS', '*'], keys: ['any'] })) as string[]).map(String)
}

/** Returns the keys that would stay in Redis for ever. */
export async function keysWithoutTtl(client: CacheClient): Promise<string[]> {
  const keys = await allKeys(client)
  const ttls = await Promise.all(
    keys.map((key) => client.send({ args: ['PTTL', key], keys: [key] })),
  )
  return keys.filter((_, i) => ttls[i] === -1)
}
