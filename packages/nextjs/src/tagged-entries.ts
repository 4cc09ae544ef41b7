import { channels, type CacheClient, type Codec } from '@cache/core'
import {
  createFormat,
  emit,
  RecentMap,
  serverTimeScript,
  type ClockReading,
  type Entry,
  type Format,
} from '@cache/core/internal'
import { serverTimeAt, type LoadStart } from './load-starts.js'
import {
  judgeLoad,
  judgeStamp,
  stampOf,
  worst,
  type Freshness,
  type TagStamp,
} from './tag-state.js'
import type { Tags } from './tags.js'

/** An entry that may be used. */
export interface Found<V> {
  readonly value: V
  /** How long ago its load began, in ms, at most, by the clock of Redis. */
  readonly sinceLoad: number
  /** How long ago it was stored, in ms, by the clock of Redis. */
  readonly sinceStored: number
  /** Whether a tag, or the clock, says that it is stale. Its lifetime is the caller's business. */
  readonly isStale: boolean
}

/** The answer of a read. */
export interface Lookup<V> {
  readonly found: Found<V> | undefined
  /** The server's clock before the read was answered. */
  readonly clock: ClockReading
}

export interface EntryWrite {
  readonly tags: readonly string[]
  /** How long the entry may be used, in ms, from the begin of its load. */
  readonly ttl: number
  readonly start: LoadStart
}

/** What is stored beside a value. */
interface Stamp {
  /** When its load began, by the clock of the entry's server, in µs. */
  readonly loadedAt: number
  readonly storedAt: number
  readonly tags: readonly TagStamp[]
}

/** Reads and writes entries that carry the states of their tags. */
export class TaggedEntries<V> {
  readonly #client: CacheClient
  readonly #prefix: string
  readonly #tags: Tags
  readonly #format: Format<V>
  readonly #clockSkew: number
  /** The tags that entries had when they were last seen, to read both in one round trip. */
  readonly #knownTags = new RecentMap<readonly string[]>({ max: 10_000, maxBytes: 8 * 1024 ** 2 })

  constructor(
    client: CacheClient,
    tags: Tags,
    {
      prefix,
      codec,
      maxValueBytes,
      clockSkew = client.driver.topology === 'standalone' ? 0 : 1_000,
    }: {
      readonly prefix: string
      readonly codec: Codec<V>
      readonly maxValueBytes: number
      readonly clockSkew: number | undefined
    },
  ) {
    this.#client = client
    this.#prefix = prefix
    this.#tags = tags
    this.#format = createFormat<V>({ codec, maxValueBytes })
    this.#clockSkew = clockSkew * 1_000
  }

  /**
   * Reads an entry. `softTags` are tags that it need not carry; it was loaded before their
   * revalidations or after them. Rejects if Redis does not answer.
   */
  async read(key: string, softTags: readonly string[]): Promise<Lookup<V>> {
    const lookup = await this.#read(key, softTags)
    const { found } = lookup
    const prefix = this.#prefix
    if (found) emit(channels.hit, () => ({ prefix, key, stale: found.isStale, layer: 'redis' }))
    else emit(channels.miss, () => ({ prefix, key }))
    return lookup
  }

  async #read(key: string, softTags: readonly string[]): Promise<Lookup<V>> {
    const { entries } = this.#client
    const asked = performance.now()
    const known = new Set([...softTags, ...(this.#knownTags.get(key) ?? [])])
    const [entry, time, readings] = await Promise.all([
      entries.read(key, this.#format),
      entries.run(serverTimeScript, [key], []),
      this.#tags.read([...known]),
    ])
    const clock = { time, asked, answered: performance.now() }
    const stamp = entry && decodeStamp(entry)
    if (!stamp) return { found: undefined, clock }
    const learnt = stamp.tags.map(([tag]) => tag).filter((tag) => !known.has(tag))
    const states = new Map(readings)
    if (learnt.length > 0)
      for (const [tag, reading] of await this.#tags.read(learnt)) states.set(tag, reading)
    this.#remember(key, stamp.tags)
    const carried = new Set(stamp.tags.map(([tag]) => tag))
    const freshness = worst([
      ...stamp.tags.map((tagStamp) => {
        const reading = states.get(tagStamp[0])!
        return judgeStamp(tagStamp, reading.state, reading.time)
      }),
      ...softTags
        .filter((tag) => !carried.has(tag))
        .map((tag) => {
          const reading = states.get(tag)!
          return judgeLoad(stamp.loadedAt - this.#clockSkew, reading.state, reading.time)
        }),
    ])
    if (freshness === 'expired') return { found: undefined, clock }
    return {
      found: {
        value: entry!.value,
        sinceLoad: Math.max(0, (time - stamp.loadedAt) / 1_000) + performance.now() - asked,
        sinceStored: Math.max(0, (time - stamp.storedAt) / 1_000),
        // If the clock was set back, nobody knows how old the entry is.
        isStale: freshness === 'stale' || stamp.storedAt > time,
      },
      clock,
    }
  }

  /** Judges an entry that was made before its tags had any state. Rejects without an answer. */
  async judgeUnstored(tags: readonly string[]): Promise<Freshness> {
    const readings = [...(await this.#tags.read(tags)).values()]
    return worst(readings.map(({ state, time }) => judgeLoad(0, state, time)))
  }

  /**
   * Stores an entry. Resolves to `false`, and stores nothing, if a tag was revalidated since the
   * load began so that the entry is expired already, or if its time is up. Rejects if Redis does
   * not answer.
   */
  async write(key: string, value: V, write: EntryWrite): Promise<boolean> {
    const stored = await this.#write(key, value, write)
    emit(channels.fill, () => ({ prefix: this.#prefix, key, stored }))
    return stored
  }

  async #write(key: string, value: V, { tags, ttl, start }: EntryWrite): Promise<boolean> {
    const { entries } = this.#client
    const distinct = [...new Set(tags)]
    const asked = performance.now()
    const [time, readings] = await Promise.all([
      entries.run(serverTimeScript, [key], []),
      this.#tags.ensure(distinct, ttl),
    ])
    const answered = performance.now()
    const left = ttl - Math.max(0, answered - start.at)
    if (left <= 0) return false
    const stamps: TagStamp[] = []
    for (const tag of distinct) {
      const { state, time: tagTime } = readings.get(tag)!
      const loadedAt = serverTimeAt(start, { time: tagTime, asked, answered }, this.#clockSkew)
      const stamp = state && stampOf(tag, loadedAt, state, tagTime)
      if (!stamp) return false
      stamps.push(stamp)
    }
    const stamp = encodeStamp({
      loadedAt: Math.floor(serverTimeAt(start, { time, asked, answered }, 0)),
      storedAt: time,
      tags: stamps,
    })
    const isStored = await entries.put(key, this.#format, value, {
      ttl: Math.max(1, Math.ceil(left)),
      meta: { stamp },
    })
    if (isStored) this.#remember(key, stamps)
    return isStored
  }

  #remember(key: string, stamps: readonly TagStamp[]): void {
    const tags = stamps.map(([tag]) => tag)
    if (tags.length === 0) this.#knownTags.delete(key)
    else this.#knownTags.set(key, tags, tags.join('').length)
  }
}

function encodeStamp({ loadedAt, storedAt, tags }: Stamp): Buffer {
  return Buffer.from(JSON.stringify([loadedAt, storedAt, tags]))
}

/** Returns `undefined` for an entry that was not written by this package. */
function decodeStamp({ stamp }: Entry<unknown>): Stamp | undefined {
  if (stamp === undefined) return undefined
  try {
    const [loadedAt, storedAt, tags] = JSON.parse(stamp.toString()) as [
      number,
      number,
      readonly TagStamp[],
    ]
    return Array.isArray(tags) ? { loadedAt, storedAt, tags } : undefined
  } catch {
    return undefined
  }
}
