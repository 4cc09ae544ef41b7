import { pathGroup } from './page-groups.js'
import type { Page } from './page.js'
import { shortened } from './shortened.js'
import { variantKey } from './vary.js'

/** The key of a page, and the group that all pages of its path belong to. */
export interface PageKey {
  readonly parts: readonly string[]
  /** The parts that all variants of the page have in common. */
  readonly common: readonly string[]
  readonly pathGroup: string
}

export interface KeyRules {
  readonly prefix: string
  readonly key: (request: Request, url: URL) => string
  /** The request headers that identify a visitor. */
  readonly credentials: readonly string[]
}

/**
 * Returns the key of a request. Requests with credentials have pages of their own, so that a page
 * for one visitor is never made for all of them.
 */
export function keyOfRequest(request: Request, { prefix, key, credentials }: KeyRules): PageKey {
  const url = new URL(request.url)
  const kind = credentials.some((name) => request.headers.has(name)) ? 'c' : 'p'
  const text = key(request, url)
  // A page of http: is often a redirect to that of https:.
  const scheme = url.protocol.slice(0, -1)
  const common = [kind, scheme, shortened(url.host || '-'), shortened(text === '' ? '/' : text)]
  return {
    parts: common,
    common,
    pathGroup: pathGroup(prefix, url.host, url.pathname),
  }
}

/** Returns the key of the variant that a request needs, if `page` is another one. */
export function keyOfVariant(key: PageKey, page: Page, request: Request): PageKey {
  return { ...key, parts: [...key.common, variantKey(page, request)] }
}

/** Returns a key as one text, to remember something about it in this process. */
export function keyText({ parts }: PageKey): string {
  return parts.join(' ')
}
