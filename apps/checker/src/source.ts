import { Redis, type Result } from 'ioredis'

/** The acknowledged version of a row, and the time by the clock of the source. */
export interface AcknowledgedVersion {
  readonly version: number
  readonly at: number
}

declare module 'ioredis' {
  interface RedisCommander<Context> {
    change(row: string): Result<number, Context>
    acknowledge(row: string, version: number): Result<unknown, Context>
    acknowledgedVersionOf(
      row: string,
      grace: number,
    ): Result<[version: string, at: string], Context>
    applyPatches(id: string, ...pairs: (string | number)[]): Result<unknown, Context>
    applyPut(id: string, version: number, sequence: number): Result<unknown, Context>
  }
}

const NOW = `local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)`

/** Increases the version, and records the time of the change. */
const CHANGE = `${NOW}
local version = redis.call('HINCRBY', 'versions', KEYS[1], 1)
redis.call('HSET', 'made:' .. KEYS[1], version, now)
return version`

/** Records increasing acknowledged versions with the time of each acknowledgement. */
const ACKNOWLEDGE = `${NOW}
local last = redis.call('ZREVRANGE', 'acknowledged:' .. KEYS[1], 0, 0)[1]
if tonumber(last or 0) >= tonumber(ARGV[1]) then return end
redis.call('ZADD', 'acknowledged:' .. KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYRANK', 'acknowledged:' .. KEYS[1], 0, -1000)`

const ACKNOWLEDGED_VERSION = `${NOW}
local until_ = string.format('%.0f', now - ARGV[1])
local last = redis.call(
  'ZREVRANGEBYSCORE', 'acknowledged:' .. KEYS[1], until_, '-inf', 'LIMIT', 0, 1)[1]
return { last or '0', string.format('%.0f', now) }`

/** Applies each patch at most once by its sequence, as the README of write-behind recommends. */
const APPLY_PATCHES = `
for i = 1, #ARGV, 2 do
  if tonumber(redis.call('HGET', 'sequences', KEYS[1]) or 0) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', 'sequences', KEYS[1], ARGV[i + 1])
    redis.call('RPUSH', 'applied:' .. KEYS[1], ARGV[i])
  end
end`

const APPLY_PUT = `
if tonumber(redis.call('HGET', 'sequences', KEYS[1]) or 0) < tonumber(ARGV[2]) then
  redis.call('HSET', 'sequences', KEYS[1], ARGV[2])
  redis.call('HSET', 'rows', KEYS[1], ARGV[1])
end`

/**
 * Connects to the source of truth: a separate Redis, which no fault affects. It stores the version
 * of each row, and the times at which each version was made and acknowledged.
 */
export function connectSource(url: string): Redis {
  return new Redis(url, {
    scripts: {
      change: { lua: CHANGE, numberOfKeys: 1 },
      acknowledge: { lua: ACKNOWLEDGE, numberOfKeys: 1 },
      acknowledgedVersionOf: { lua: ACKNOWLEDGED_VERSION, numberOfKeys: 1 },
      applyPatches: { lua: APPLY_PATCHES, numberOfKeys: 1 },
      applyPut: { lua: APPLY_PUT, numberOfKeys: 1 },
    },
  })
}

/** The rows of one pattern in the source. */
export class Rows {
  readonly #source: Redis
  readonly #name: string

  constructor(source: Redis, name: string) {
    this.#source = source
    this.#name = name
  }

  /** Returns the current version, or 0 before the first change. */
  async read(id: number): Promise<number> {
    return Number((await this.#source.hget('versions', this.#row(id))) ?? 0)
  }

  /** Changes the row and returns its new version. */
  change(id: number): Promise<number> {
    return this.#source.change(this.#row(id))
  }

  /** Records that reads from now on must not return an older version. */
  async acknowledge(id: number, version: number): Promise<void> {
    await this.#source.acknowledge(this.#row(id), version)
  }

  /** Returns the version that had been acknowledged `grace` ms ago. */
  async acknowledgedVersion(id: number, grace = 0): Promise<AcknowledgedVersion> {
    const [version, at] = await this.#source.acknowledgedVersionOf(this.#row(id), grace)
    return { version: Number(version), at: Number(at) }
  }

  /** Returns when the version after this one was made, by the clock of the source. */
  async nextMadeAt(id: number, version: number): Promise<number | undefined> {
    const at = await this.#source.hget(`made:${this.#row(id)}`, String(version + 1))
    return at === null ? undefined : Number(at)
  }

  #row(id: number): string {
    return `${this.#name}:${id}`
  }
}
