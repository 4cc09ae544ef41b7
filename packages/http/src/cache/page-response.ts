import { hasNoBody } from '../headers.js'
import { parseHttpDate } from './dates.js'
import { freshFor, type FoundPage } from './page.js'

/** Returns the response to a request that a page answers: the page, or 304. */
export function pageResponse(request: Request, found: FoundPage, cacheStatus: string): Response {
  const { page } = found
  const headers = new Headers(page.headers as [string, string][])
  const age = Math.max(0, page.meta.age + page.meta.freshFor - freshFor(found))
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
function isNotModified(request: Headers, response: Headers): boolean {
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

const ENTITY_TAG = /(?:W\/)?("[^"]*")/g

function opaqueTag(etag: string): string {
  return etag.replace(/^W\//, '')
}

/** Without the fields that describe a body: a 304 has none (RFC 9110, §15.4.5). */
function onlyFor304(headers: Headers): [string, string][] {
  return [...headers].filter(
    ([name]) => !name.startsWith('content-') || name === 'content-location',
  )
}
