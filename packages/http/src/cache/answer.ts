import { hasNoBody } from '../headers.js'
import { formatCacheStatus, type CacheStatus } from './cache-status.js'
import { pageResponse } from './page-response.js'
import { freshFor, type FoundPage } from './page.js'

/** What a request gets: a page, or a response that is its own. */
export type Answer = { readonly status: CacheStatus } & (
  { readonly found: FoundPage } | { readonly response: Response }
)

/** A page from the cache, fresh or stale. */
export function hit(found: FoundPage): Answer {
  return { found, status: { hit: true, ttl: freshFor(found) / 1_000 } }
}

/** A stale page, because the handler has failed for this request or for the one it waited for. */
export function staleInstead(
  found: FoundPage,
  failure: Pick<CacheStatus, 'fwdStatus' | 'collapsed'>,
): Answer {
  const ttl = freshFor(found) / 1_000
  return { found, status: { fwd: 'stale', ttl, ...failure, detail: 'stale-if-error' } }
}

/** Turns an answer into the response to send, with Cache-Status and without tags. */
export function respond(
  request: Request,
  answer: Answer,
  { name, tagHeader }: { readonly name: string; readonly tagHeader: string },
): Response {
  const status = formatCacheStatus(name, answer.status)
  if ('found' in answer) return pageResponse(request, answer.found, status)
  const { response } = answer
  const headers = new Headers(response.headers)
  headers.delete(tagHeader)
  headers.append('cache-status', status)
  return new Response(hasNoBody(response.status) ? null : response.body, {
    status: response.status,
    statusText: response.statusText,
    headers,
  })
}
