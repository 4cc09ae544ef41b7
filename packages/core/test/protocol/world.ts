import { defineScript, type CacheClient } from '../../src/index.js'
import { companion, createFormat, createToken, type EntryStore } from '../../src/internal.js'

/**
 * One entry on a real Redis, and its source: a counter, where each write commits the next number.
 *
 * The actors take the same steps as those of the model, but with the real scripts. Time is an actor
 * too: it ends leases and intents.
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
    const writer: Writer = { wrote: 0, inTime: false, expired: false, uncommitted: false }
    this.#writers.set(token, writer)
    await this.#entries.beginWrite([this.#key], token, INTENT_TTL)
    yield
    writer.wrote = ++this.#source
    writer.inTime = !writer.expired
    writer.uncommitted = true
    yield
    const meta = versions ? { version: writer.wrote } : {}
    await this.#entries.commitWrite(this.#key, token, {
      format,
      value: writer.wrote,
      ttl: LONG,
      meta,
    })
    writer.uncommitted = false
    yield
    this.#settle(writer.wrote)
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
    const entry = await this.#entries.read(this.#key, format)
    yield
    if (entry) return this.#checkRead(entry.value, floor)
    const token = createToken()
    const lease = await this.#entries.lease(this.#key, format, { token, ttl: LONG })
    yield
    if (lease.status === 'hit') return this.#checkRead(lease.entry.value, floor)
    const value = this.#source
    yield
    const meta = versions ? { version: value } : {}
    if (lease.status === 'leased')
      await this.#entries.fill(this.#key, format, token, value, { ttl: LONG, meta })
    yield
    this.#checkRead(value, floor)
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
      [String(INTENT_TTL)],
    )
    const owner = token === null ? undefined : this.#writers.get(token)
    if (!owner) return
    owner.expired = true
    if (owner.uncommitted && owner.inTime) this.#settle(owner.wrote)
  }

  #settle(wrote: number): void {
    this.#settled = Math.max(this.#settled, wrote)
  }

  #checkRead(value: number, floor: number): void {
    if (value < floor)
      this.violations.push(`A read returned ${value}, but ${floor} was settled before it began.`)
  }
}

interface Writer {
  /** The number that it committed to the source. */
  wrote: number
  /** It committed to the source before its intent expired. */
  inTime: boolean
  /** Its intent has expired. */
  expired: boolean
  /** It has committed to the source, but not to the entry. */
  uncommitted: boolean
}

const format = createFormat<number>()
const LONG = 3_600_000
const INTENT_TTL = 600_000

/** Does what the clock would do: ends the oldest intent, and the value whose life it capped. */
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
