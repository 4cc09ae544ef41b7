import { endToEnd, hasNoBody, type HeaderList } from '../headers.js'
import type { StoredResponse } from '../stored-response.js'
import type { Lifetime } from './cacheable.js'
import { parseHttpDate } from './dates.js'

/** What the cache knows about a stored page, beside the response. */
export interface PageMeta extends Lifetime {
  readonly tags: readonly string[]
  /** The request headers of Vary, and their values in the request that the page was made for. */
  readonly vary: readonly (readonly [name: string, value: string])[]
  /** The handler gave no ETag; the one of the page was made from its body. */
  readonly hasOwnEtag: boolean
}

export type Page = StoredResponse<PageMeta>

/** How long a page is still fresh, in milliseconds; negative if it is stale. */
export interface FoundPage {
  readonly page: Page
  readonly freshFor: number
}

/** Returns the response to a request that a page answers: the page, or 304. */
export function respondWith(
  request: Request,
  { page, freshFor }: FoundPage,
  cacheStatus: string,
): Response {
  const headers = new Headers(page.headers as [string, string][])
  const { meta } = page
  const age = Math.max(0, meta.age + meta.freshFor - freshFor)
  headers.set('age', String(Math.floor(age / 1_000)))
  headers.append('cache-status', cacheStatus)
  if (page.status === 200 && isNotModified(request.headers, headers))
    return new Response(null, { status: 304, headers: onlyFor304(headers) })
  if (!hasNoBody(page.status)) headers.set('content-length', String(page.body.length))
  return new Response(
    request.method === 'HEAD' || hasNoBody(page.status) ? null : new Uint8Array(page.body),
    { status: page.status, statusText: page.statusText, headers },
  )
}

/**
 * Returns whether the client has this representation already. If-None-Match is compared weakly, and
 * takes precedence over If-Modified-Since (RFC 9110, §13.2.2).
 */
export function isNotModified(request: Headers, response: Headers): boolean {
  const ifNoneMatch = request.get('if-none-match')
  if (ifNoneMatch !== null) {
    const etag = response.get('etag')
    if (ifNoneMatch.trim() === '*') return true
    if (etag === null) return false
    return [...ifNoneMatch.matchAll(ENTITY_TAG)].some(([, tag]) => tag === opaqueTag(etag))
  }
  const since = parseHttpDate(request.get('if-modified-since'))
  const modified = parseHttpDate(response.get('last-modified'))
  return modified <= since
}

/** Returns a page whose headers a 304 has brought up to date (RFC 9111, §4.3.4). */
export function freshened(page: Page, notModified: Headers, lifetime: Lifetime): Page {
  const updates = endToEnd(notModified, OF_THE_BODY)
  const updated = new Set(updates.map(([name]) => name))
  const headers: HeaderList = [...page.headers.filter(([name]) => !updated.has(name)), ...updates]
  return { ...page, headers, meta: { ...page.meta, ...lifetime } }
}

const ENTITY_TAG = /(?:W\/)?("[^"]*")/g
const OF_THE_BODY = new Set([
  'content-length',
  'content-encoding',
  'content-range',
  'content-type',
  'etag',
  'cache-status',
  'set-cookie',
])

function opaqueTag(etag: string): string {
  return etag.replace(/^W\//, '')
}

/** RFC 9110, §15.4.5. */
const FIELDS_OF_304 = new Set([
  'age',
  'cache-control',
  'cache-status',
  'content-location',
  'date',
  'etag',
  'expires',
  'last-modified',
  'vary',
])

function onlyFor304(headers: Headers): [string, string][] {
  const isOfBody = (name: string): boolean =>
    name.startsWith('content-') && !FIELDS_OF_304.has(name)
  return [...headers].filter(([name]) => !isOfBody(name))
}
