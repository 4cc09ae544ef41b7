import type { Page } from './page.js'

/**
 * Returns the request that the handler gets: a GET, also for HEAD. All clients share its response,
 * so it carries no conditions of this client, and does not end with it. It asks whether the stale
 * page has changed, if there is one.
 */
export function asForwarded(request: Request, stale: Page | undefined): Request {
  const headers = new Headers(request.headers)
  for (const name of CONDITIONS) headers.delete(name)
  const stored = new Headers((stale?.headers ?? []) as [string, string][])
  const etag = stored.get('etag')
  const lastModified = stored.get('last-modified')
  if (etag !== null && !stale!.meta.hasOwnEtag) headers.set('if-none-match', etag)
  if (lastModified !== null) headers.set('if-modified-since', lastModified)
  return new Request(request.url, { headers })
}

const CONDITIONS = [
  'if-none-match',
  'if-modified-since',
  'if-match',
  'if-unmodified-since',
  'if-range',
  'range',
]

export function isConditional({ headers }: Request): boolean {
  return headers.has('if-none-match') || headers.has('if-modified-since')
}
