import { createToken } from '@cache/core/internal'
import { startRedis, type RedisServer } from '@cache/testkit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ioredisDriver } from '@cache/core/ioredis'
import type { Driver } from '@cache/core'
import { memoryDriver } from '../src/index.js'

/** Sequences of commands; each must have the same replies as from a Redis server. */
const sequences: Readonly<Record<string, readonly string[][]>> = {
  strings: [
    ['SET', 'k', 'v'],
    ['GET', 'k'],
    ['SET', 'k', 'w', 'NX'],
    ['SET', 'k', 'w', 'XX', 'GET'],
    ['SET', 'n', '1', 'PX', '0'],
    ['INCRBY', 'c', '5'],
    ['DECRBY', 'c', '7'],
    ['INCR', 'k'],
    ['GET', 'c'],
    ['SET', 'c', '9', 'PX', '60000'],
    ['SET', 'c', '8', 'KEEPTTL'],
    ['TTL', 'c'],
    ['SET', 'c', '7'],
    ['PTTL', 'c'],
    ['MGET', 'k', 'c', 'none'],
    ['STRLEN', 'k'],
    ['APPEND', 'k', 'xyz'],
    ['GETDEL', 'k'],
    ['EXISTS', 'k', 'c', 'c'],
    ['SET', 'k', 'v', 'WRONG'],
    ['SET', 'k'],
    ['GET'],
    ['TYPE', 'c'],
    ['TYPE', 'none'],
    ['DEL', 'c', 'none'],
    ['INCRBY', 'c', 'x'],
    ['SET', 'max', '9223372036854775807'],
    ['INCR', 'max'],
    ['SETEX', 'e', '10', 'v'],
    ['PERSIST', 'e'],
    ['PERSIST', 'e'],
    ['TTL', 'e'],
    ['EXPIRE', 'e', '100', 'NX'],
    ['EXPIRE', 'e', '50', 'GT'],
    ['EXPIRE', 'e', '50', 'LT'],
    ['TTL', 'e'],
    ['PEXPIRE', 'e', '-1'],
    ['EXISTS', 'e'],
  ],
  hashes: [
    ['HSET', 'h', 'a', '1', 'b', '2'],
    ['HSET', 'h', 'a', '3', 'c', '4'],
    ['HGET', 'h', 'a'],
    ['HMGET', 'h', 'a', 'x', 'c'],
    ['HGETALL', 'h'],
    ['HKEYS', 'h'],
    ['HLEN', 'h'],
    ['HEXISTS', 'h', 'b'],
    ['HSETNX', 'h', 'b', '9'],
    ['HSETNX', 'h', 'd', '9'],
    ['HINCRBY', 'h', 'd', '-4'],
    ['HINCRBY', 'h', 'b', 'x'],
    ['HDEL', 'h', 'a', 'x'],
    ['HDEL', 'h', 'b', 'c', 'd'],
    ['EXISTS', 'h'],
    ['HSET', 'h', 'a'],
    ['SET', 's', 'v'],
    ['HGET', 's', 'a'],
    ['HSET', 's', 'a', '1'],
  ],
  lists: [
    ['RPUSH', 'l', 'a', 'b', 'c', 'd'],
    ['LPUSH', 'l', 'y', 'z'],
    ['LRANGE', 'l', '0', '-1'],
    ['LRANGE', 'l', '-2', '9'],
    ['LTRIM', 'l', '1', '-2'],
    ['LLEN', 'l'],
    ['LPOP', 'l'],
    ['RPOP', 'l', '2'],
    ['LREM', 'l', '0', 'a'],
    ['EXISTS', 'l'],
    ['LPOP', 'l'],
    ['LRANGE', 'l', '0', '-1'],
    ['BLPOP', 'none', '0.01'],
  ],
  sets: [
    ['SADD', 's', 'a', 'b', 'a'],
    ['SCARD', 's'],
    ['SISMEMBER', 's', 'a'],
    ['SREM', 's', 'a', 'x'],
    ['SMEMBERS', 's'],
    ['SREM', 's', 'b'],
    ['EXISTS', 's'],
  ],
  'sorted sets': [
    ['ZADD', 'z', '1', 'a', '2', 'b', '2', 'aa', '-1.5', 'c', '+inf', 'd'],
    ['ZADD', 'z', 'XX', 'CH', '3', 'a', '9', 'new'],
    ['ZADD', 'z', 'NX', '9', 'a', '4', 'e'],
    ['ZADD', 'z', 'GT', 'CH', '1', 'a', '8', 'b'],
    ['ZADD', 'z', 'LT', '1', 'a'],
    ['ZADD', 'z', 'INCR', '0.5', 'a'],
    ['ZADD', 'z', 'NX', 'INCR', '1', 'a'],
    ['ZINCRBY', 'z', '2', 'a'],
    ['ZSCORE', 'z', 'a'],
    ['ZSCORE', 'z', 'x'],
    ['ZRANGE', 'z', '0', '-1', 'WITHSCORES'],
    ['ZRANGE', 'z', '-2', '-1'],
    ['ZRANGE', 'z', '0', '(4', 'BYSCORE'],
    ['ZRANGE', 'z', '+inf', '0', 'BYSCORE', 'REV', 'LIMIT', '1', '2', 'WITHSCORES'],
    ['ZRANGEBYSCORE', 'z', '(2', '+inf', 'WITHSCORES', 'LIMIT', '0', '1'],
    ['ZREVRANGEBYSCORE', 'z', '(8', '-inf'],
    ['ZCOUNT', 'z', '-inf', '(3'],
    ['ZRANK', 'z', 'b'],
    ['ZRANK', 'z', 'x'],
    ['ZREVRANGE', 'z', '0', '1'],
    ['ZCARD', 'z'],
    ['ZREMRANGEBYSCORE', 'z', '-inf', '(0'],
    ['ZREMRANGEBYRANK', 'z', '0', '0'],
    ['ZREM', 'z', 'b', 'x'],
    ['ZRANGE', 'z', '0', '-1', 'WITHSCORES'],
    ['ZADD', 'z', 'nan', 'x'],
    ['ZADD', 'z', '1'],
    ['ZCOUNT', 'z', 'a', 'b'],
    ['ZADD', 'f', '0.25', 'x', '123456789012', 'w'],
    ['ZRANGE', 'f', '0', '-1', 'WITHSCORES'],
  ],
  streams: [
    ['XADD', 'x', '5-3', 'f', 'v'],
    ['XADD', 'x', '5-3', 'f', 'v'],
    ['XADD', 'x', '5-*', 'f', 'w', 'g', ''],
    ['XADD', 'x', '4-1', 'f', 'v'],
    ['XADD', 'x', '0-0', 'f', 'v'],
    ['XADD', 'none', 'NOMKSTREAM', '1-1', 'f', 'v'],
    ['XLEN', 'x'],
    ['XRANGE', 'x', '-', '+'],
    ['XRANGE', 'x', '(5-3', '+', 'COUNT', '1'],
    ['XREVRANGE', 'x', '+', '-', 'COUNT', '1'],
    ['XREAD', 'COUNT', '1', 'STREAMS', 'x', '5-3'],
    ['XDEL', 'x', '5-3', '9-9'],
    ['XADD', 'x', '7', 'f', 'v'],
    ['XADD', 'x', 'MAXLEN', '1', '8-1', 'f', 'v'],
    ['XRANGE', 'x', '-', '+'],
    ['XSETID', 'x', '20-5'],
    ['XSETID', 'x', '1-1'],
    ['XADD', 'x', '20-5', 'f', 'v'],
    ['XADD', 'x', '20-6', 'f'],
    ['XADD', 'x', 'abc', 'f', 'v'],
    ['XADD', 'x', '18446744073709551615-18446744073709551615', 'f', 'v'],
    ['XADD', 'x', '*', 'f', 'v'],
    ['XTRIM', 'x', 'MAXLEN', '0'],
    ['XLEN', 'x'],
  ],
  'wrong types': [
    ['SET', 's', 'v'],
    ['RPUSH', 'l', 'x'],
    ['LPUSH', 's', 'x'],
    ['ZADD', 's', '1', 'x'],
    ['XADD', 's', '*', 'f', 'v'],
    ['SADD', 'l', 'x'],
    ['GET', 'l'],
    ['INCR', 'l'],
    ['ZSCORE', 'l', 'x'],
    ['HGETALL', 'l'],
    ['MGET', 's', 'l'],
    ['SET', 'l', 'now a string'],
    ['GET', 'l'],
    ['NOSUCHCOMMAND', 'x'],
  ],
}

/** Scripts; each must return the same as on a Redis server. */
const scripts: readonly string[] = [
  'return {1, 2.9, -2.9, "x", true, false, 5}',
  'return {1, nil, 3}',
  'return {ok = "fine"}',
  'return redis.error_reply("MINE no")',
  'return {err = "no code"}',
  'return tostring(10 / 2) .. " " .. tostring(1e15) .. " " .. 2^53 .. " " ..' +
    ' 0.1 .. " " .. -0 .. " " .. 1e100',
  'return 7 % 3 .. " " .. -7 % 3 .. " " .. 5.5 % 2',
  'return "10" + 5 .. " " .. "0x10" * 1',
  'return #"abc" + #{1, 2, 3}',
  'local a, b, c = (function() return 1, 2, 3 end)() return {a, b, c}',
  'local function f() return 1, 2 end return {f(), f()}',
  'local function f() return 1, 2 end return {(f())}',
  'return {select("#", 1, nil, nil), select(2, "a", "b", "c")}',
  'local t = {} for i = 10, 1, -3 do t[#t + 1] = i end return t',
  'local n = 0 for k, v in pairs({a = 1, b = 2, 3}) do n = n + v end return n',
  'local t = {5, 6, 7} table.remove(t, 1) table.insert(t, 8) table.insert(t, 1, 9) return t',
  'local t = {3, 1, 2} table.sort(t) return t',
  'local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return t',
  'return table.concat({1, 2, "x"}, ", ")',
  'return {string.find("hello", "l+"), string.find("a.b", ".", 1, true), string.find("abc", "x")}',
  'return {string.match("key=val", "(%w+)=(%w+)"), string.match("  x ", "^%s*(.-)%s*$")}',
  'return {string.match("[[a]]", "%b[]"), string.match("abcabc", "(abc)%1"),' +
    ' string.match("abc", "()b()")}',
  'return {string.gsub("hello", "l", "L"), string.gsub("a b", "%w", "<%0>"),' +
    ' string.gsub("abc", "", "-")}',
  'local t = {} for w in string.gmatch("one two", "%a+") do t[#t + 1] = w end return t',
  'return string.gsub("$name", "%$(%w+)", {name = "x"})',
  'return {("x"):rep(3), ("abc"):sub(-2), ("abc"):byte(1, -1), ("ABC"):lower()}',
  'return string.format("%d %5.2f %s %x %05d %-5s| %g %.0f %.17g %%",' +
    ' 42, 3.14159, "s", 255, 7, "ab", 1e20, 9e15, 0.1)',
  'return {tonumber("12"), tonumber("z", 36) or 0, tonumber("x") == nil and 1,' +
    ' tonumber(" 5 "), tostring(nil), tostring(true)}',
  'return {type(nil), type(1), type("x"), type({}), type(print)}',
  'local ok, e = pcall(error, "boom") return {ok and 1 or 0, e}',
  'local ok, e = pcall(function() return nil .. "x" end) return ok and 1 or 0',
  'return {pcall(function(...) return select("#", ...) end, 1, 2)}',
  'local t = setmetatable({}, {__index = function(_, k) return k .. "!" end}) return t.x',
  'local i = 0 repeat local done = i >= 3 i = i + 1 until done return i',
  'local i = 0 while true do i = i + 1 if i > 4 then break end end return i',
  'local f = {} for i = 1, 3 do f[i] = function() return i end end return {f[1](), f[2](), f[3]()}',
  'return {math.floor(-1.5), math.ceil(1.2), math.max(1, 5, 3), math.min(4, 2),' +
    ' math.abs(-3), math.fmod(-7, 3), math.huge > 1 and 1}',
  'return {unpack({1, 2, 3}, 2)}',
  'return {1 == 1 and "y" or "n", nil == false and 1 or 0,' +
    ' not nil and 1 or 0, 1 < 2 and "a" < "b" and 1 or 0}',
  'return cjson.encode({1, "a/b", true, {x = 1}}) .. cjson.encode({}) .. cjson.encode("\\"\\n")',
  'local d = cjson.decode(\'{"a": [1, 2, null], "b": "é"}\') ' +
    'return {d.a[2], d.b, d.a[3] == cjson.null and 1 or 0}',
  'return struct.pack(">dI4", 1.5, 7)',
  'return {struct.unpack(">I4I2", struct.pack(">I4I2", 70000, 513))}',
  'return cmsgpack.pack({1, "two", {3}})',
  'return cmsgpack.unpack(cmsgpack.pack({1, "two", -5, 70000, 1.5}))',
  'return redis.sha1hex("x")',
  'redis.call("SET", KEYS[1], ARGV[1]) return redis.call("GET", KEYS[1])',
  'return redis.call("SET", KEYS[1], 1.5)',
  'redis.call("SET", KEYS[1], 3) return redis.call("GET", KEYS[1])',
  'redis.call("SET", KEYS[1], 2^53) return redis.call("GET", KEYS[1])',
  'return redis.call("GET", "none") == false and "false" or "other"',
  'return redis.pcall("INCR", KEYS[1], "x").err',
  'return redis.call("NOPE")',
  'redis.call("RPUSH", KEYS[1], "x") return redis.call("GET", KEYS[1])',
  'redis.call("RPUSH", KEYS[1], "x") local r = redis.pcall("GET", KEYS[1]) return r.err',
  'local ok, e = pcall(redis.call, "GET") return type(e) == "table" and e.err or e',
  'return {redis.call("TYPE", KEYS[1]).ok, redis.call("HGETALL", KEYS[1])}',
  'local x <const> = 1',
  'return )',
  'return nosuch()',
  'return ({}).x.y',
  'return {#ARGV, #KEYS}',
  'local a = {n = 1, [2] = "b", "a"} return {a[1], a[2], a.n}',
  'return "\\065\\n\\\\" .. [[long\nstring]]',
  'return {1, --[[ comment ]] 2} -- end',
  'return -2 ^ 2 .. " " .. 2 ^ 3 ^ 2',
  'return not 1 == 2 and 1 or 0',
  'return 1 .. 2',
]

describe('answers as a Redis server does', () => {
  let server: RedisServer
  let redis: Redis
  let real: Driver
  const memory = memoryDriver({ timeout: '30s' })
  beforeAll(async () => {
    server = await startRedis()
    redis = new Redis(server.url)
    real = ioredisDriver(redis, { timeout: '30s' })
  })
  afterAll(async () => {
    await real.close()
    redis.disconnect()
    await server.stop()
  })
  beforeEach(async () => {
    await server.flush()
    memory.flush()
  })

  const ask = async (driver: Driver, args: readonly string[]): Promise<unknown> => {
    const [reply] = await Promise.all(
      driver.send([{ args: args as [string, ...string[]], keys: [], binary: true }]),
    )
    return plain(reply)
  }

  it.each(Object.keys(sequences))('to commands for %s', async (name) => {
    for (const args of sequences[name]!)
      expect(await ask(memory, args), args.join(' ')).toEqual(await ask(real, args))
  })

  it.each(scripts)('to the script %s', async (script) => {
    const key = createToken()
    const args = ['EVAL', script, '1', key, 'first', 'second']
    expect(await ask(memory, args)).toEqual(await ask(real, args))
  })

  it('to random commands', async () => {
    let seed = Number(process.env.SEED ?? Date.now() % 1e6)
    console.log(`SEED=${seed}`)
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
    const keys = ['a', 'b', 'c']
    const pick = (all: readonly string[]): string => all[random(all.length)]!
    const number = (): string => String(random(7) - 2)
    const member = (): string => pick(['m', 'n', 'o', ''])
    const makers: readonly ((key: string) => string[])[] = [
      (k) => ['SET', k, number(), ...pick(['', 'NX', 'XX', 'KEEPTTL']).split(' ').filter(Boolean)],
      (k) => ['GET', k],
      (k) => ['INCRBY', k, number()],
      (k) => ['DEL', k],
      (k) => ['TYPE', k],
      (k) => ['HSET', k, member(), number()],
      (k) => ['HDEL', k, member()],
      (k) => ['HINCRBY', k, member(), number()],
      (k) => ['HLEN', k],
      (k) => ['HMGET', k, member(), member()],
      (k) => ['RPUSH', k, member()],
      (k) => ['LPUSH', k, member()],
      (k) => ['LPOP', k],
      (k) => ['LRANGE', k, number(), number()],
      (k) => ['LTRIM', k, number(), number()],
      (k) => ['LREM', k, number(), member()],
      (k) => [
        'ZADD',
        k,
        ...pick(['', 'NX', 'XX', 'GT', 'LT', 'CH']).split(' ').filter(Boolean),
        number(),
        member(),
      ],
      (k) => ['ZREM', k, member()],
      (k) => ['ZRANGE', k, number(), number(), 'WITHSCORES'],
      (k) => ['ZRANGEBYSCORE', k, number(), `(${number()}`],
      (k) => ['ZREMRANGEBYSCORE', k, number(), number()],
      (k) => ['ZCOUNT', k, `(${number()}`, number()],
      (k) => ['ZINCRBY', k, number(), member()],
      (k) => ['ZRANK', k, member()],
      (k) => ['SADD', k, member()],
      (k) => ['SREM', k, member()],
      (k) => ['SCARD', k],
      (k) => ['XADD', k, `${random(9)}-${random(3)}`, 'f', number()],
      (k) => ['XRANGE', k, number().replace('-', ''), '+'],
      (k) => ['XDEL', k, `${random(9)}-${random(3)}`],
      (k) => ['XLEN', k],
      (k) => ['PERSIST', k],
      (k) => ['EXISTS', k, pick(keys)],
      (k) => ['SETNX', k, number()],
    ]
    for (let i = 0; i < (process.env.CHAOS ? 50_000 : 3_000); i++) {
      const args = makers[random(makers.length)]!(pick(keys))
      expect(await ask(memory, args), `${i}: ${args.join(' ')}`).toEqual(await ask(real, args))
    }
  }, 600_000)
})

/** Errors as their codes: texts differ between versions. */
function plain(reply: unknown): unknown {
  if (reply instanceof Error) return `error ${(reply as { code?: string }).code}`
  if (Buffer.isBuffer(reply)) return reply.toString('latin1')
  return Array.isArray(reply) ? reply.map(plain) : reply
}
