import { createHash } from 'node:crypto'

/** The key of the pages of a request, and the group that all pages of its path belong to. */
export interface RequestKey {
  readonly parts: readonly string[]
  readonly pathGroup: string
}

/**
 * Returns the key of a request. Requests with credentials have pages of their own, so that a page
 * for one visitor is never made for all of them.
 */
export function requestKey(
  request: Request,
  {
    keyOf,
    credentials,
    prefix,
  }: {
    readonly keyOf: (request: Request, url: URL) => string
    readonly credentials: readonly string[]
    readonly prefix: string
  },
): RequestKey {
  const url = new URL(request.url)
  const kind = credentials.some((name) => request.headers.has(name)) ? 'c' : 'p'
  const text = keyOf(request, url)
  return {
    parts: [kind, shortened(url.host || '-'), shortened(text === '' ? '/' : text)],
    pathGroup: pathGroup(prefix, url.host, url.pathname),
  }
}

export function pathGroup(prefix: string, host: string, path: string): string {
  return `${prefix} path ${shortened(`${host}${path}`)}`
}

export function tagGroup(prefix: string, tag: string): string {
  return `${prefix} tag ${shortened(tag)}`
}

/** Bumped before every other purge. No page belongs to it. */
export function purgesGroup(prefix: string): string {
  return `${prefix} purges`
}

/** Long texts from requests become short ones that differ as well. */
function shortened(text: string): string {
  if (text.length <= MAX_LENGTH && PRINTABLE.test(text)) return text
  const hash = createHash('sha256').update(text).digest('base64url')
  return `${text.slice(0, 64).replaceAll(/[^\x21-\x7e]/g, '_')}#${hash}`
}

const MAX_LENGTH = 256
const PRINTABLE = /^[\x20-\x7e]+$/
