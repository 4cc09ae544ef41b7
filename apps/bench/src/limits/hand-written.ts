import { Redis } from 'ioredis-6'
import { createClient } from 'redis'
import { BARE, type LimiterContender } from './limiter.js'

/** Decides by an exact log: one member for each request of the window. */
const LOG = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window = tonumber(ARGV[2]) * 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - window)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then
  return 0
end
redis.call('ZADD', KEYS[1], now, ARGV[3])
redis.call('PEXPIRE', KEYS[1], window / 1000)
return 1
`

/** Decides by one timestamp, the theoretical arrival time. */
const GCRA = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window = tonumber(ARGV[2]) * 1000000
local interval = window / ARGV[1]
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + interval
if tat - now > window then
  return 0
end
redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000))
return 1
`

const algorithms = { log: LOG, gcra: GCRA }
export type Algorithm = keyof typeof algorithms

/** The script that a developer writes for one purpose, without any other feature. */
export const handWrittenOnIoredis = (algorithm: Algorithm): LimiterContender => ({
  name: `hand-written on ioredis, ${algorithm}`,
  bare: BARE.ioredis,
  async open(url, limit, windowSeconds) {
    const redis = new Redis(url)
    redis.defineCommand('decide', { numberOfKeys: 1, lua: algorithms[algorithm] })
    const { decide } = redis as unknown as {
      decide(key: string, ...args: (string | number)[]): Promise<number>
    }
    let sequence = 0
    return {
      decide: async (id) =>
        (await decide.call(redis, `${algorithm}:${id}`, limit, windowSeconds, ++sequence)) === 1,
      close: async () => redis.disconnect(),
    }
  },
})

export const handWrittenOnNodeRedis = (algorithm: Algorithm): LimiterContender => ({
  name: `hand-written on node-redis, ${algorithm}`,
  bare: BARE.nodeRedis,
  async open(url, limit, windowSeconds) {
    const redis = await createClient({ url }).connect()
    const sha = await redis.scriptLoad(algorithms[algorithm])
    let sequence = 0
    return {
      async decide(id) {
        const options = {
          keys: [`${algorithm}:${id}`],
          arguments: [String(limit), String(windowSeconds), String(++sequence)],
        }
        return (await redis.evalSha(sha, options)) === 1
      },
      close: async () => redis.destroy(),
    }
  },
})
