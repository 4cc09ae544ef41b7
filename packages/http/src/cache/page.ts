import type { StoredResponse } from '../stored-response.js'
import type { Lifetime } from './cacheable.js'

/** What the cache knows about a stored page, beside the response. */
export interface PageMeta extends Lifetime {
  readonly tags: readonly string[]
  /** The request headers of Vary, and their values in the request that the page was made for. */
  readonly vary: readonly (readonly [name: string, value: string])[]
  /** The handler gave no ETag; the one of the page was made from its body. */
  readonly hasOwnEtag: boolean
}

/** A response that several requests may get. */
export type Page = StoredResponse<PageMeta>

/** A page, and until when it is fresh, by the monotonic clock of this process. */
export interface FoundPage {
  readonly page: Page
  readonly freshUntil: number
}

/** A page that is fresh for so many milliseconds from now on, or has been stale for so many. */
export function foundPage(page: Page, freshFor = page.meta.freshFor): FoundPage {
  return { page, freshUntil: performance.now() + freshFor }
}

/** Returns for how many milliseconds a page is still fresh; a negative number if it is stale. */
export function freshFor({ freshUntil }: FoundPage): number {
  return freshUntil - performance.now()
}

/** Whether a stale page may be served while it is rendered again (RFC 5861, §3). */
export function mayServeMeanwhile(found: FoundPage): boolean {
  return -freshFor(found) < found.page.meta.staleWhileRevalidate
}

/** Whether a stale page may be served if the handler fails (RFC 5861, §4). */
export function mayServeInstead(found: FoundPage | undefined): found is FoundPage {
  return found !== undefined && -freshFor(found) < found.page.meta.staleIfError
}
