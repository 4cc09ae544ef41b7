import { ioredisDriver } from '@cache/core/ioredis'
import { CacheError, type CommandResult } from '@cache/core'
import { startRedis, type RedisServer } from '@cache/testkit'
import { ProtocolVersion } from '@valkey/valkey-glide'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { glideDriver } from '../src/index.js'
import { on } from './drivers.js'

const TO_STRINGS = 'return redis.call("SET", KEYS[1], "x")'

/** Commands for one key each. Their replies must be those of ioredis. */
const commands: readonly string[] = [
  'SET s v',
  'SET s w NX',
  'SETNX s w',
  'APPEND s x',
  'GETRANGE s 0 0',
  'STRLEN s',
  'PEXPIRE s 100000',
  'PERSIST s',
  'TYPE s',
  'OBJECT ENCODING s',
  'INCRBY n 41',
  'INCRBYFLOAT n 1',
  'INCRBYFLOAT n 0.5',
  'INCR s',
  'HSET h a 1 b 2',
  'HSETNX h a 3',
  'HEXISTS h a',
  'HGETALL h',
  'HGETALL none',
  'HMGET h a x',
  'HINCRBYFLOAT h f 2',
  'HRANDFIELD h 3 WITHVALUES',
  'HSCAN h 0',
  'SADD m x',
  'SISMEMBER m x',
  'SMISMEMBER m x y',
  'SMEMBERS m',
  'SMEMBERS none',
  'SINTER m m',
  'SPOP m 1',
  'RPUSH l a b c d',
  'LRANGE l 0 -1',
  'LPOP l 1',
  'LMPOP 1 l LEFT',
  'BLPOP l 1',
  'BLPOP none 0.01',
  'ZADD z 1.5 one 3 three +inf all -inf nothing',
  'ZADD z INCR 1 one',
  'ZINCRBY z 1 three',
  'ZSCORE z three',
  'ZSCORE z none',
  'ZMSCORE z three none',
  'ZRANGE z 0 -1',
  'ZRANGE z 0 -1 WITHSCORES',
  'ZREVRANGE z 0 -1 WITHSCORES',
  'ZRANGEBYSCORE z 0 10 WITHSCORES',
  'ZRANK z three',
  'ZRANK z none',
  'ZSCAN z 0',
  'ZPOPMIN z',
  'ZPOPMAX z 1',
  'BZPOPMIN z 1',
  'ZMPOP 1 z MIN',
  'ZADD z 1 a 2 b',
  'ZRANDMEMBER z 2 WITHSCORES',
  'XADD x 1-1 f v f w',
  'XADD x 1-2 g 1',
  'XLEN x',
  'XRANGE x - +',
  'XRANGE none - +',
  'XREVRANGE x + -',
  'XREAD COUNT 1 STREAMS x 0',
  'XREAD STREAMS x 9',
  'XGROUP CREATE x group 0',
  'XGROUP CREATECONSUMER x group me',
  'XREADGROUP GROUP group me COUNT 1 STREAMS x >',
  'XREADGROUP GROUP group me STREAMS x 0',
  'XPENDING x group',
  'XCLAIM x group you 0 1-1',
  'XCLAIM x group you 0 1-1 JUSTID',
  'XAUTOCLAIM x group me 0 0',
  'XAUTOCLAIM x group me 0 0 JUSTID',
  'XDEL x 1-1',
  'XREADGROUP GROUP group me STREAMS x 0',
  'XINFO GROUPS x',
  'XACK x group 1-1 1-2',
  'GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania',
  'GEODIST g Palermo Catania',
  'PFADD p a b',
  'PFCOUNT p',
  'SETBIT bits 7 1',
  'BITFIELD bits GET u8 0',
  'EXISTS s',
  'COPY s s2',
  'RENAMENX s s3',
  'DEL s3 s2',
  'LPUSH h x',
  'NOSUCHCOMMAND h',
  'EVALSHA 0000000000000000000000000000000000000000 0',
]

describe.each([ProtocolVersion.RESP3, ProtocolVersion.RESP2])('with RESP %s', (protocol) => {
  let redis: RedisServer
  beforeAll(async () => void (redis = await startRedis()))
  afterAll(() => redis.stop())

  it('replies are those of ioredis', async () => {
    const addresses = [{ host: redis.host, port: redis.port }]
    const glide = glideDriver({ addresses, protocol })
    const client = new Redis(redis.url, { protocol: 2 })
    const ioredis = ioredisDriver(client)
    for (const line of commands) {
      const [name, ...args] = line.split(' ') as [string, ...string[]]
      // Each library has keys of its own, whose names have the same length.
      const [a, b] = await Promise.all(
        [glide, ioredis].map(async (driver, i) => {
          const key = args.find((argument) => KEY.test(argument)) ?? args[0]!
          const own = args.map((argument) => (KEY.test(argument) ? `${i}:${argument}` : argument))
          const result = await driver.send([on(`${i}:${key}`, name, ...own)])[0]!
          return shown(result, i)
        }),
      )
      expect(a, line).toEqual(b)
    }
    await glide.close()
    await ioredis.close()
    client.disconnect()
  })

  it('Buffers are returned at any depth, and errors keep their codes', async () => {
    const addresses = [{ host: redis.host, port: redis.port }]
    const glide = glideDriver({ addresses, protocol })
    const bytes = Buffer.from([0xff, 0, 1])
    const [, read, failed, errors] = await Promise.all(
      glide.send([
        on('bytes', 'HSET', 'bytes', bytes, bytes),
        { ...on('bytes', 'HGETALL', 'bytes'), binary: true },
        on('bytes', 'EVAL', TO_STRINGS.replace('SET', 'LPUSH'), '1', 'bytes'),
        on('bytes', 'EVAL', 'return {err = "BUSY waiting"}', '1', 'bytes'),
      ]),
    )
    expect(read).toEqual([bytes, bytes])
    expect(failed).toMatchObject({ code: 'WRONGTYPE' })
    expect(errors).toMatchObject({ code: 'BUSY' })
    await glide.close()
  })
})

/** The names of the keys in `commands`. */
const KEY = /^(s|n|h|m|l|z|x|g|p|bits|none|s2|s3)$/

function shown(result: CommandResult, index: number): unknown {
  if (result instanceof CacheError) return `${result.code} ${result.constructor.name}`
  return JSON.parse(JSON.stringify(result).replaceAll(`${index}:`, ''))
}
