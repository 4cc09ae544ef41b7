import { createHash } from 'node:crypto'
import type { CacheClient } from '@cache/core'
import { createKeys, mapAtOnce } from '@cache/core/internal'
import { ensureTagScript, readTagScript, revalidateTagScript, type TagReading } from './scripts.js'

/** When the entries of a tag expire that is revalidated. */
export interface Durations {
  /** In seconds from now; until then the entries are stale. Default: they stay stale. */
  readonly expire?: number | undefined
}

/**
 * Reads and changes the states of tags. Each state is a key of its own, on any node of a Cluster,
 * and lives as long as an entry that may need it.
 */
export class Tags {
  readonly #client: CacheClient
  readonly #keyOf: (tag: string) => string
  readonly #ttl: number

  /** `maxTtl` is the longest time, in ms, that an entry lives. */
  constructor(client: CacheClient, prefix: string, maxTtl: number) {
    const key = createKeys(client.namespace, prefix)
    this.#client = client
    this.#keyOf = (tag) =>
      READABLE.test(tag)
        ? key('tag', tag)
        : key('tag', 'sha256', createHash('sha256').update(tag).digest('base64url'))
    this.#ttl = maxTtl + EXTRA_LIFE
  }

  /** Reads the states of tags. The commands are queued in this tick. */
  async read(tags: readonly string[]): Promise<ReadonlyMap<string, TagReading>> {
    const { entries } = this.#client
    return new Map(
      await mapAtOnce(tags, entries.atOnce, async (tag) => {
        const reading = await entries.run(readTagScript, [this.#keyOf(tag)], [])
        return [tag, reading] as const
      }),
    )
  }

  /** Returns the states of tags for an entry that will live for `ttl` ms. */
  async ensure(tags: readonly string[], ttl: number): Promise<ReadonlyMap<string, TagReading>> {
    const { entries } = this.#client
    const life = String(Math.ceil(ttl) + EXTRA_LIFE)
    return new Map(
      await mapAtOnce(tags, entries.atOnce, async (tag) => {
        const reading = await entries.run(ensureTagScript, [this.#keyOf(tag)], [life])
        return [tag, reading] as const
      }),
    )
  }

  /** Makes the entries of tags expired; with `durations`, stale now and expired later. */
  async revalidate(tags: readonly string[], durations?: Durations): Promise<void> {
    const { entries } = this.#client
    const expireIn = durations ? expireArgument(durations.expire) : NOW
    // Each of them is tried, although one fails.
    const results = await mapAtOnce([...new Set(tags.flatMap(withParts))], entries.atOnce, (tag) =>
      this.#client.run(revalidateTagScript, [this.#keyOf(tag)], [String(this.#ttl), expireIn]).then(
        () => undefined,
        (error: unknown) => ({ error }),
      ),
    )
    const failure = results.find((result) => result !== undefined)
    if (failure) throw failure.error
  }
}

/** A state lives longer than the entries that need it, by this many ms. */
const EXTRA_LIFE = 60_000

const READABLE = /^[\x20-\x7e]{1,256}$/

/** Next.js lists the tags of a page with commas between them, so the page has parts of this tag. */
function withParts(tag: string): string[] {
  return tag.includes(',') ? [tag, ...tag.split(',').filter((part) => part !== '')] : [tag]
}

/** Seconds beyond this are as good as never. */
const FOREVER = 4_000_000_000

/** The entries expire at once, and stay expired if the clock of Redis is set back. */
const NOW = ''

function expireArgument(seconds: number | undefined): string {
  if (seconds === undefined || !(seconds < FOREVER)) return '-'
  return seconds > 0 ? String(Math.round(seconds * 1_000_000)) : NOW
}
