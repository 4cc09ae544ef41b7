import { createHash } from 'node:crypto'
import { endToEnd, hasNoBody } from '../headers.js'
import type { Lifetime } from './cacheable.js'
import type { Page } from './page.js'
import { tagsIn } from './page-groups.js'
import { varyOf } from './vary.js'

export interface PageRules {
  /** The response header that lists the tags of a page. */
  readonly tagHeader: string
  /** Returns more tags of a page. */
  readonly tags: (request: Request, response: Response) => readonly string[]
}

/** Makes a page from a response and its body, for requests like this one. */
export function makePage(
  request: Request,
  response: Response,
  { body, lifetime }: { readonly body: Buffer; readonly lifetime: Lifetime },
  { tagHeader, tags }: PageRules,
): Page {
  const { status, statusText } = response
  const headers = new Headers(response.headers)
  if (!headers.has('date')) headers.set('date', new Date().toUTCString())
  const hasOwnEtag = !headers.has('etag') && status === 200
  if (hasOwnEtag) headers.set('etag', etagOf(body))
  const fromHeader = tagsIn(response.headers.get(tagHeader) ?? '')
  return {
    status,
    statusText,
    headers: endToEnd(headers, new Set([tagHeader, 'content-length', 'age'])),
    body: hasNoBody(status) ? Buffer.alloc(0) : body,
    meta: {
      ...lifetime,
      tags: [...new Set([...fromHeader, ...tags(request, response)])],
      vary: varyOf(request, headers.get('vary')),
      hasOwnEtag,
    },
  }
}

function etagOf(body: Buffer): string {
  return `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
}
