import { createHash } from 'node:crypto'
import { discard } from '../discard.js'

/**
 * Returns the key in a header: a string of structured fields (`"8e03978e-…"`), as the draft asks,
 * or the bare text that most clients send. `undefined` if it is neither, or longer than 255
 * characters.
 */
export function parseKey(field: string): string | undefined {
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(field)
  const key = quoted ? quoted[1]!.replaceAll(/\\(["\\])/g, '$1') : field
  const isValid = /^[\x20-\x7e]{1,255}$/.test(key) && (quoted !== null || !/["\\\s,]/.test(key))
  return isValid ? key : undefined
}

/** Returns a hash of what a request asks for. A retry has the same. */
export function fingerprintOf(request: Request, body: Uint8Array): string {
  const { pathname, search } = new URL(request.url)
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  return createHash('sha256')
    .update(JSON.stringify([request.method, pathname + search, type]))
    .update(body)
    .digest('base64url')
}

/** Returns a body of up to `max` bytes, or `undefined` if it is larger. */
export async function readRequestBody(
  request: Request,
  max: number,
): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > max) return undefined
  if (request.body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = request.body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return Buffer.concat(chunks)
    chunks.push(value)
    size += value.byteLength
    if (size > max) {
      discard(reader)
      return undefined
    }
  }
}

/** Returns a problem document (RFC 9457). */
export function problem(
  status: number,
  title: string,
  detail: string,
  headers: Record<string, string> = {},
): Response {
  return new Response(JSON.stringify({ type: 'about:blank', title, status, detail }), {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...headers,
    },
  })
}
