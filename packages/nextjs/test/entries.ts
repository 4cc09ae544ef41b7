import {
  createIncrementalCacheHandler,
  createUseCacheHandler,
  type IncrementalCacheContext,
  type IncrementalCacheHandlerOptions,
  type UseCacheEntry,
  type UseCacheHandler,
  type UseCacheHandlerOptions,
} from '../src/index.js'

/** The clock of Next.js. */
export const now = (): number => performance.timeOrigin + performance.now()

export const HOUR = 3_600

/** Makes an entry of 'use cache' as Next.js does, whose load begins now. */
export function entryOf(
  text: string | Uint8Array,
  given: Partial<UseCacheEntry> = {},
): UseCacheEntry {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  return {
    value: new ReadableStream({
      start(controller) {
        // Two chunks, as in a stream that React writes.
        controller.enqueue(bytes.subarray(0, 1))
        controller.enqueue(bytes.subarray(1))
        controller.close()
      },
    }),
    tags: [],
    stale: 30,
    timestamp: now(),
    expire: 2 * HOUR,
    revalidate: HOUR,
    ...given,
  }
}

export async function textOf(entry: UseCacheEntry | undefined): Promise<string | undefined> {
  return entry && new Response(entry.value).text()
}

/** An instance with the handler of 'use cache'. */
export class UseCacheInstance {
  readonly handler: UseCacheHandler

  constructor(options: UseCacheHandlerOptions) {
    this.handler = createUseCacheHandler({ deploymentId: 'build', ...options })
  }

  /** Stores an entry as Next.js does after a miss. */
  async set(key: string, text: string, given: Partial<UseCacheEntry> = {}): Promise<void> {
    if (given.timestamp === undefined) await this.handler.get(key, [])
    return this.handler.set(key, Promise.resolve(entryOf(text, given)))
  }

  async get(key: string, softTags: string[] = []): Promise<string | undefined> {
    return textOf(await this.handler.get(key, softTags))
  }

  /** Returns the text, and whether Next.js would generate a new entry in the background. */
  async look(key: string, softTags: string[] = []) {
    const entry = await this.handler.get(key, softTags)
    const isStale = entry && now() > entry.timestamp + entry.revalidate * 1_000
    return entry && { text: await textOf(entry), isStale }
  }
}

/** An instance with the handler of pages and data: Next.js makes one for each request. */
export function incrementalInstance(options: IncrementalCacheHandlerOptions) {
  const Handler = createIncrementalCacheHandler({ deploymentId: 'build', ...options })
  return (context?: IncrementalCacheContext) => new Handler(context)
}

/** A page of the App Router. */
export function page(html: string, tags: readonly string[] = []) {
  return {
    kind: 'APP_PAGE',
    html,
    rscData: Buffer.from([0, 255, 1, ...Buffer.from(html)]),
    headers: { 'x-next-cache-tags': tags.join(','), 'x-more': ['a', 'b'] },
    postponed: undefined,
    status: 200,
    segmentData: new Map([
      ['/_tree', Buffer.from([255, 254])],
      ['/page', Buffer.from(html)],
    ]),
  }
}

/** A result of `fetch`. */
export function fetched(body: string, tags: string[] = [], revalidate = HOUR) {
  return {
    kind: 'FETCH',
    data: { headers: { 'content-type': 'text/plain' }, body, status: 200, url: 'https://a.test/' },
    tags,
    revalidate,
  }
}

export const lifetime = { revalidate: HOUR, expire: 2 * HOUR }
