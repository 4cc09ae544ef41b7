import { defineScript, type CacheClient } from '../../src/index.js'
import { companion, createFormat, createToken, type EntryStore } from '../../src/internal.js'

/**
 * One entry on a real Redis, and the source behind it: a counter, each write of which commits the
 * next number. What the model's actors do one step after the other is done here by the real
 * scripts. Time is an actor too: it ends leases and intents.
 */
export class World {
  readonly violations: string[] = []
  readonly #client: CacheClient
  readonly #entries: EntryStore
  readonly #key: string
  readonly #writers = new Map<string, Writer>()
  #source = 0
  #settled = 0

  constructor(client: CacheClient, name: string) {
    this.#client = client
    this.#entries = client.entries
    this.#key = client.key('world', name)
  }

  async *writer(versions: boolean): AsyncGenerator<void> {
    const token = createToken()
    const me: Writer = { wrote: 0, inTime: false, expired: false, uncommitted: false }
    this.#writers.set(token, me)
    await this.#entries.beginWrite([this.#key], token, INTENT)
    yield
    me.wrote = ++this.#source
    me.inTime = !me.expired
    me.uncommitted = true
    yield
    const meta = versions ? { version: me.wrote } : {}
    await this.#entries.commitWrite(this.#key, token, { format, value: me.wrote, ttl: LONG, meta })
    me.uncommitted = false
    yield
    this.#settle(me.wrote)
  }

  async *invalidator(): AsyncGenerator<void> {
    const wrote = ++this.#source
    yield
    await this.#entries.invalidate([this.#key])
    yield
    this.#settle(wrote)
  }

  async *reader(versions: boolean): AsyncGenerator<void> {
    const floor = this.#settled
    const found = await this.#entries.read(this.#key, format)
    yield
    if (found) return this.#answer(found.value, floor)
    const token = createToken()
    const lease = await this.#entries.lease(this.#key, format, { token, ttl: LONG })
    yield
    if (lease.status === 'hit') return this.#answer(lease.entry.value, floor)
    const value = this.#source
    yield
    const meta = versions ? { version: value } : {}
    if (lease.status === 'leased')
      await this.#entries.fill(this.#key, format, token, value, { ttl: LONG, meta })
    yield
    this.#answer(value, floor)
  }

  async evict(): Promise<void> {
    await this.#client.send({ args: ['DEL', this.#key], keys: [this.#key] })
  }

  async endLease(): Promise<void> {
    const lease = companion(this.#key, 'lease')
    await this.#client.send({ args: ['DEL', lease], keys: [lease] })
  }

  async endOldestIntent(): Promise<void> {
    const token = await this.#client.run(
      endOldestIntent,
      [this.#key, companion(this.#key, 'intents')],
      [String(INTENT)],
    )
    const owner = token === null ? undefined : this.#writers.get(token)
    if (!owner) return
    owner.expired = true
    if (owner.uncommitted && owner.inTime) this.#settle(owner.wrote)
  }

  #settle(wrote: number): void {
    this.#settled = Math.max(this.#settled, wrote)
  }

  #answer(value: number, floor: number): void {
    if (value < floor) this.violations.push(`read ${value} though ${floor} was settled before`)
  }
}

interface Writer {
  wrote: number
  inTime: boolean
  expired: boolean
  uncommitted: boolean
}

const format = createFormat<number>()
const LONG = 3_600_000
const INTENT = 600_000

/**
 * What the clock would do: the oldest intent passes its deadline, and with it what was capped to
 * it.
 */
const endOldestIntent = defineScript({
  name: 'end the oldest intent',
  lua: `
local oldest = redis.call('ZRANGEBYSCORE', KEYS[2], 0, '(inf', 'LIMIT', 0, 1)[1]
if not oldest then return false end
redis.call('ZADD', KEYS[2], 1, oldest)
local life = redis.call('PTTL', KEYS[1])
if life >= 0 and life <= tonumber(ARGV[1]) then redis.call('DEL', KEYS[1]) end
return oldest`,
  parse: (reply) => reply as string | null,
})
