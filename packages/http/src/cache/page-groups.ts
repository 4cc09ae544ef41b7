import { UsageError } from '@cache/core'
import { shortened } from './shortened.js'

/** The group of all pages of a path, with any query and in all variants. */
export function pathGroup(prefix: string, host: string, path: string): string {
  return `${prefix} path ${shortened(`${host}${normalized(path)}`)}`
}

/**
 * Returns a path in the one form that all its spellings have in common: `%63af%c3%a9` is
 * `caf%C3%A9` (RFC 3986, §6.2.2).
 */
function normalized(path: string): string {
  return path.replaceAll(/%[\da-f]{2}/gi, (encoded) => {
    const char = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return /[\w.~-]/.test(char) ? char : encoded.toUpperCase()
  })
}

/** The group of all pages with a tag. */
export function tagGroup(prefix: string, tag: string): string {
  return `${prefix} tag ${shortened(tag)}`
}

/** Bumped before every other purge. No page belongs to it. */
export function purgesGroup(prefix: string): string {
  return `${prefix} purges`
}

/** Returns the tags that a header lists. */
export function tagsIn(text: string): string[] {
  return text.split(/[\s,]+/).filter((tag) => tag !== '')
}

/** Returns the groups of tags to purge. @throws {UsageError} for what is no tag. */
export function groupsOfTags(prefix: string, tags: string | readonly string[]): string[] {
  // A tag with spaces or commas in the header has become several.
  const all = [tags].flat().flatMap((tag) => [checkTag(tag), ...tagsIn(tag)])
  return Array.from(new Set(all), (tag) => tagGroup(prefix, tag))
}

/** Returns the groups of URLs to purge. @throws {UsageError} for a URL that is not absolute. */
export function groupsOfUrls(prefix: string, urls: string | readonly string[]): string[] {
  return [urls].flat().map((url) => {
    if (!URL.canParse(url))
      throw new UsageError(`purgeUrls() needs absolute URLs, but got ${JSON.stringify(url)}.`)
    const { host, pathname } = new URL(url)
    return pathGroup(prefix, host, pathname)
  })
}

/** Returns the URLs whose pages a request has made invalid, if it was not safe (RFC 9111, §4.4). */
export function urlsChangedBy({ method, url }: Request, { status, headers }: Response): string[] {
  if (SAFE_METHODS.has(method) || status >= 400) return []
  const base = new URL(url)
  const others = ['location', 'content-location'].flatMap((name) => {
    const value = headers.get(name)
    return value !== null && URL.canParse(value, base.href) ? [new URL(value, base)] : []
  })
  return [base, ...others.filter(({ host }) => host === base.host)].map(({ href }) => href)
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

function checkTag(tag: unknown): string {
  if (typeof tag !== 'string' || tag === '')
    throw new UsageError(`purgeTags() needs tags, non-empty strings, but got ${typeof tag}.`)
  return tag
}
