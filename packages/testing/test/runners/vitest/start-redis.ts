import { startRedis } from '@cache/testing'

/** Starts one server for all test files; each of them gets a database of its own. */
export default async function setup(): Promise<() => Promise<void>> {
  const redis = await startRedis({ config: { databases: '64' } })
  process.env.REDIS_URL = redis.url
  return () => redis.stop()
}
