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
  /** All keys that were tried have other variants, so the page cannot be stored. */
  readonly isTaken: boolean
}

/**
 * Finds the page for a request. A key leads to a page. If that is another variant, its Vary leads
 * to the key of the right one, or of one whose Vary names more headers, and so on.
 */
export async function findPage(
  request: Request,
  key: PageKey,
  read: (key: PageKey) => Promise<FoundPage | undefined>,
): Promise<Lookup> {
  let isVariant = false
  for (let step = 0; step < MAX_STEPS; step++) {
    const found = await read(key)
    if (!found || fits(found.page, request)) return { key, found, isVariant, isTaken: false }
    key = keyOfVariant(key, found.page, request)
    isVariant = true
  }
  return { key, found: undefined, isVariant, isTaken: true }
}

/** A handler whose Vary changes all the time could lead around in circles. */
const MAX_STEPS = 4
