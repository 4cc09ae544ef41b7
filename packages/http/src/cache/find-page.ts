import { keyOfVariant, type PageKey } from './page-key.js'
import type { FoundPage } from './page.js'
import { fits } from './vary.js'

/** Where the page for a request is, or would be stored. */
export interface Lookup {
  readonly key: PageKey
  /** The page, fresh or stale. */
  readonly found: FoundPage | undefined
  /** Another variant of the page led to this key. */
  readonly isVariant: boolean
  /** This key has another variant as well, so the page cannot be stored. */
  readonly isTaken: boolean
}

/**
 * Finds the page for a request. A key leads to a page. If that is another variant, its Vary leads
 * to the key of the right one.
 */
export async function findPage(
  request: Request,
  key: PageKey,
  read: (key: PageKey) => Promise<FoundPage | undefined>,
): Promise<Lookup> {
  const found = await read(key)
  if (!found || fits(found.page, request)) return { key, found, isVariant: false, isTaken: false }
  const ofVariant = keyOfVariant(key, found.page, request)
  const variant = await read(ofVariant)
  const isTaken = variant !== undefined && !fits(variant.page, request)
  return { key: ofVariant, found: isTaken ? undefined : variant, isVariant: true, isTaken }
}
