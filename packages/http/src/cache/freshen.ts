import { endToEnd, hasNoBody, type HeaderList } from '../headers.js'
import type { Lifetime } from './cacheable.js'
import type { Page } from './page.js'

/** Returns a page whose headers a 304 has brought up to date (RFC 9111, §4.3.4). */
export function freshened(page: Page, notModified: Headers, lifetime: Lifetime): Page {
  const updates = endToEnd(notModified, OF_THE_BODY)
  const updated = new Set(updates.map(([name]) => name))
  const headers: HeaderList = [...page.headers.filter(([name]) => !updated.has(name)), ...updates]
  return { ...page, headers, meta: { ...page.meta, ...lifetime } }
}

/** Returns the stale page as a response, with the headers of a 304. */
export function asFreshened(stale: Page, { headers }: Response): Response {
  const none = { age: 0, freshFor: 0, staleWhileRevalidate: 0, staleIfError: 0 }
  const page = freshened(stale, headers, none)
  return new Response(hasNoBody(page.status) ? null : new Uint8Array(page.body), {
    status: page.status,
    statusText: page.statusText,
    headers: page.headers as [string, string][],
  })
}

const OF_THE_BODY = new Set([
  'content-length',
  'content-encoding',
  'content-range',
  'content-type',
  'etag',
  'cache-status',
  'set-cookie',
])
