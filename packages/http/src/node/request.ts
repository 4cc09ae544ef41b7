import type { IncomingMessage } from 'node:http'

/** Methods that a web-standard `Request` cannot have. */
const FORBIDDEN = new Set(['CONNECT', 'TRACE', 'TRACK'])

/**
 * Returns a request of Node as a web-standard one, without its body; `undefined` if that is
 * impossible.
 */
export function toRequest(
  incoming: IncomingMessage,
  url = incoming.url ?? '/',
): Request | undefined {
  const { method = 'GET' } = incoming
  if (FORBIDDEN.has(method)) return undefined
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers))
    if (value !== undefined && !name.startsWith(':'))
      for (const one of [value].flat()) headers.append(name, one)
  const host = (incoming.headers[':authority'] as string | undefined) ?? headers.get('host')
  const protocol = (incoming.socket as { encrypted?: boolean }).encrypted ? 'https' : 'http'
  for (const origin of [`${protocol}://${host}`, `${protocol}://localhost`]) {
    const target = url.startsWith('/') ? `${origin}${url}` : url
    if (URL.canParse(target)) return new Request(target, { method, headers })
  }
  return undefined
}

/**
 * Returns whether a URL is what the server will route by. `URL` resolves `/a/../b` to `/b`, and
 * routers do not: the page of one path could be stored as that of another one.
 */
export function isAsSent(request: Request, url: string): boolean {
  const { origin, pathname, search } = new URL(request.url)
  return url === pathname + search || url === origin + pathname + search
}

/** Gives a request the conditions that the cache has chosen, instead of those of its client. */
export function applyConditions(incoming: IncomingMessage, { headers }: Request): void {
  for (const name of ['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since']) {
    const value = headers.get(name)
    if (value === null) delete incoming.headers[name]
    else incoming.headers[name] = value
  }
}
