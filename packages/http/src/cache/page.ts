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

/** A page, and for how many milliseconds it is still fresh; negative if it is stale. */
export interface FoundPage {
  readonly page: Page
  readonly freshFor: number
}

export function justRendered(page: Page): FoundPage {
  return { page, freshFor: page.meta.freshFor }
}

/** Whether a stale page may be served while it is rendered again (RFC 5861, §3). */
export function mayServeMeanwhile({ page, freshFor }: FoundPage): boolean {
  return -freshFor < page.meta.staleWhileRevalidate
}

/** Whether a stale page may be served if the handler fails (RFC 5861, §4). */
export function mayServeInstead(found: FoundPage | undefined): boolean {
  return found !== undefined && -found.freshFor < found.page.meta.staleIfError
}
