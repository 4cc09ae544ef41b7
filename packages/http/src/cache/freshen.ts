import { endToEnd, hasNoBody } from '../headers.js'
import type { Page } from './page.js'

/**
 * Returns a stale page as a response, with the headers that a 304 has brought up to date (RFC 9111,
 * §4.3.4).
 */
export function freshened(stale: Page, notModified: Response): Response {
  const updates = endToEnd(notModified.headers, OF_THE_BODY)
  const updated = new Set(updates.map(([name]) => name))
  const kept = stale.headers.filter(([name]) => !updated.has(name))
  const headers = new Headers([...kept, ...updates] as [string, string][])
  // Handlers leave it to their server. With the old one, browsers would take the page for old.
  if (!updated.has('date')) headers.set('date', new Date().toUTCString())
  return new Response(hasNoBody(stale.status) ? null : new Uint8Array(stale.body), {
    status: stale.status,
    statusText: stale.statusText,
    headers,
  })
}

/** A 304 says nothing about these: they belong to the body, or to this cache. */
const OF_THE_BODY = new Set([
  'content-length',
  'content-encoding',
  'content-range',
  'content-type',
  'etag',
  'cache-status',
])
