import { createHash } from 'node:crypto'
import { listed } from '../headers.js'
import type { Page } from './page.js'

/** Returns the values that a request has for the headers that a response varies by. */
export function varyOf(request: Request, vary: string | null): [name: string, value: string][] {
  return [...new Set(listed(vary))].sort().map((name) => [name, valueOf(request, name)])
}

/** Returns whether a page was made for requests like this one (RFC 9111, §4.1). */
export function fits(page: Page, request: Request): boolean {
  return page.meta.vary.every(([name, value]) => valueOf(request, name) === value)
}

/** Returns the part of a key that tells the variants of a page apart. */
export function variantKey(page: Page, request: Request): string {
  const values = page.meta.vary.map(([name]) => [name, valueOf(request, name)])
  return createHash('sha256').update(JSON.stringify(values)).digest('base64url')
}

/** Differences of spaces are no differences. A missing header is another value than any text. */
function valueOf(request: Request, name: string): string {
  const value = request.headers.get(name)
  return value === null
    ? ''
    : `=${value
        .replaceAll(/\s*,\s*/g, ',')
        .replaceAll(/\s+/g, ' ')
        .trim()}`
}
