/** When entries expire that a revalidation has made stale. */
export interface RevalidateDurations {
  /** In so many seconds. Default: never. */
  readonly expire?: number
}

/** An entry of `'use cache'`, as Next.js passes and expects it. */
export interface UseCacheEntry {
  value: ReadableStream<Uint8Array>
  tags: string[]
  stale: number
  timestamp: number
  expire: number
  revalidate: number
}

/** A handler for `cacheHandlers` in `next.config`. */
export interface UseCacheHandler {
  get(cacheKey: string, softTags: string[]): Promise<undefined | UseCacheEntry>
  set(cacheKey: string, pendingEntry: Promise<UseCacheEntry>): Promise<void>
  refreshTags(): Promise<void>
  getExpiration(tags: string[]): Promise<number>
  updateTags(tags: string[], durations?: RevalidateDurations): Promise<void>
}

/** What a page, a route handler or data is allowed to live. The times are seconds. */
export interface CacheControl {
  revalidate: number | false
  expire: number | undefined
}

/** What Next.js passes to the constructor of the handler. All of it is optional here. */
export interface IncrementalCacheContext {
  readonly dev?: boolean
  readonly serverDistDir?: string
  readonly revalidatedTags?: string[]
  readonly _requestHeaders?: Readonly<Record<string, undefined | string | string[]>>
}

/** What Next.js asks for. */
export interface IncrementalGetContext {
  readonly kind: string
  readonly tags?: string[]
  readonly softTags?: string[]
  readonly revalidate?: number | false
  readonly isFallback?: boolean
}

/** What Next.js says of a value that it stores. */
export interface IncrementalSetContext {
  readonly fetchCache?: boolean
  readonly tags?: string[]
  readonly cacheControl?: CacheControl
  readonly isFallback?: boolean
}

/** The answer of `get`. The value is one of the kinds of `next`, or `null` for "not found". */
export interface IncrementalCacheValue {
  lastModified: number
  value: any
  cacheControl?: CacheControl
}

/** A handler for `cacheHandler` in `next.config`. Next.js makes one for each request. */
export interface IncrementalCacheHandler {
  get(cacheKey: string, context: IncrementalGetContext): Promise<IncrementalCacheValue | null>
  set(cacheKey: string, data: any, context: IncrementalSetContext): Promise<void>
  revalidateTag(tags: string | string[], durations?: RevalidateDurations): Promise<void>
  resetRequestCache(): void
}

/** The class of `cacheHandler`. */
export type IncrementalCacheHandlerClass = new (
  context?: IncrementalCacheContext,
) => IncrementalCacheHandler
