import { channels } from '@cache/core'
import { emit, readOptions } from '@cache/core/internal'
import { createEntryKeys } from './keys.js'
import { LoadStarts } from './load-starts.js'
import type { RevalidateDurations, UseCacheEntry, UseCacheHandler } from './next-types.js'
import { useCacheHandlerOptions, type UseCacheHandlerOptions } from './options.js'
import { discard, readStream, streamOf } from './read-stream.js'
import { isBuilding, resolveClient, resolveDeploymentId } from './runtime.js'
import { TaggedEntries } from './tagged-entries.js'
import { Tags } from './tags.js'
import { nextNow } from './wall-clock.js'

/**
 * Creates a handler of `'use cache'` for `cacheHandlers` in `next.config`, which keeps the entries
 * in Redis, for all instances of the application.
 *
 * `revalidateTag`, `revalidatePath` and `updateTag` hold for every read of every instance that
 * begins after they were acknowledged. A read never waits for Redis longer than the client's
 * `readTimeout` a few times; then Next.js runs the function. During `next build` the handler does
 * nothing.
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * // use-cache-handler.mjs
 * import { createUseCacheHandler } from '@cache/nextjs'
 * import { client } from './redis.mjs'
 *
 * export default createUseCacheHandler({ client })
 */
export function createUseCacheHandler(options: UseCacheHandlerOptions): UseCacheHandler {
  return new RedisUseCacheHandler(options)
}

/** What is stored of an entry. */
interface StoredEntry {
  readonly bytes: Uint8Array
  readonly tags: string[]
  readonly stale: number
  readonly expire: number
  readonly revalidate: number
}

interface Storage {
  readonly tags: Tags
  readonly entries: TaggedEntries<StoredEntry>
  readonly keyOf: (cacheKey: string) => string
}

class RedisUseCacheHandler implements UseCacheHandler {
  readonly #options
  readonly #starts = new LoadStarts()
  /** The entries that this process is storing. */
  readonly #pendingSets = new Map<string, Promise<unknown>>()
  #storage: Storage | undefined

  constructor(given: UseCacheHandlerOptions) {
    this.#options = readOptions('createUseCacheHandler', useCacheHandlerOptions, given)
  }

  async get(cacheKey: string, softTags: string[]): Promise<UseCacheEntry | undefined> {
    if (isBuilding()) return undefined
    await this.#pendingSets.get(cacheKey)
    const { entries, keyOf } = this.#store()
    const key = keyOf(cacheKey)
    try {
      const { found, clock } = await entries.read(key, softTags)
      if (!found || found.isStale || found.sinceLoad >= found.value.revalidate * 1_000)
        this.#starts.note(key, clock)
      if (!found || found.sinceLoad >= found.value.expire * 1_000) return undefined
      const { bytes, tags, stale, expire, revalidate } = found.value
      return {
        value: streamOf(bytes),
        tags,
        stale,
        expire,
        // A negative time makes Next.js serve the entry and generate a new one.
        revalidate: found.isStale ? -1 : revalidate,
        timestamp: nextNow() - found.sinceLoad,
      }
    } catch (error) {
      report('get', key, error)
      return undefined
    }
  }

  async set(cacheKey: string, pendingEntry: Promise<UseCacheEntry>): Promise<void> {
    const work = this.#set(cacheKey, pendingEntry)
    this.#pendingSets.set(cacheKey, work)
    try {
      await work
    } finally {
      if (this.#pendingSets.get(cacheKey) === work) this.#pendingSets.delete(cacheKey)
    }
  }

  /** There is nothing to refresh: every `get` reads the states of the tags. */
  async refreshTags(): Promise<void> {}

  /** Says that `get` checks the soft tags itself. */
  async getExpiration(): Promise<number> {
    return Infinity
  }

  async updateTags(tags: string[], durations?: RevalidateDurations): Promise<void> {
    if (isBuilding()) return
    await this.#store().tags.revalidate(tags, durations)
  }

  /** Never rejects: the request has its value. */
  async #set(cacheKey: string, pendingEntry: Promise<UseCacheEntry>): Promise<void> {
    try {
      const entry = await pendingEntry
      const { value, tags, stale, expire, revalidate, timestamp } = entry
      if (isBuilding() || expire <= 0) {
        discard(value)
        return
      }
      const bytes = await readStream(value, this.#options.maxValueBytes)
      const { entries, keyOf } = this.#store()
      const key = keyOf(cacheKey)
      const at = timestamp - performance.timeOrigin
      await entries.write(
        key,
        { bytes, tags, stale, expire, revalidate },
        {
          tags,
          ttl: Math.min(expire * 1_000, this.#options.maxTtl),
          start: { at, clock: this.#starts.takeBefore(key, at) },
        },
      )
    } catch (error) {
      report('set', undefined, error)
    }
  }

  /** The client is not asked for before Next.js needs the cache, and not while it builds. */
  #store(): Storage {
    return (this.#storage ??= this.#createStorage())
  }

  #createStorage(): Storage {
    const { client: given, prefix, maxTtl, deploymentId } = this.#options
    const client = resolveClient(given)
    const tags = new Tags(client, prefix, maxTtl)
    const keyOf = createEntryKeys(client, prefix)
    const id = resolveDeploymentId(deploymentId)
    return {
      tags,
      entries: new TaggedEntries<StoredEntry>(client, tags, this.#options),
      keyOf: (cacheKey) => keyOf('use-cache', cacheKey, id),
    }
  }
}

function report(operation: string, key: string | undefined, error: unknown): void {
  emit(channels.error, () => ({
    operation: `next use cache ${operation}`,
    error,
    ...(key !== undefined && { key }),
  }))
}
