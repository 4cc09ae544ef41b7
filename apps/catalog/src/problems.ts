import { CacheError, CacheWriteError } from '@cache/core'
import type { Context } from 'hono'

/** An answer that says what is wrong. Source: https://www.rfc-editor.org/rfc/rfc9457 */
export function problem(c: Context, status: 400 | 404 | 413 | 500 | 503, detail: string): Response {
  return c.json({ status, detail }, status, { 'content-type': 'application/problem+json', ...(status === 503 && { 'retry-after': '1' }) })
}

/** What a client is told of an error; what it says itself, with commands, keys and addresses, is for the log. */
export function answerTo(error: Error, c: Context): Response {
  if (c.req.raw.signal.aborted) return problem(c, 503, 'The client has left.')
  log(error, `${c.req.method} ${c.req.path}`)
  if (error instanceof CacheWriteError) return problem(c, 503, 'It was changed; for a while its old state may still be read.')
  if (error instanceof CacheError || isOutage(error)) return problem(c, 503, 'This can not be done now. Try again later.')
  return problem(c, 500, 'Something went wrong.')
}

/** A line for each kind of error, at most one a second: an outage concerns every request. */
function log(error: Error, where: string): void {
  const kind = `${error.name} ${'code' in error ? String(error.code) : ''}`
  const now = performance.now()
  if (now - (logged.get(kind) ?? -Infinity) < 1_000) return
  logged.set(kind, now)
  console.error(`${where}: ${kind}: ${error.message}`)
}

const logged = new Map<string, number>()

/** The database is out of reach, shuts down, or has no connection left. Source: https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isOutage(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : ''
  return /^(08|53|57P)/.test(code) || /^E(CONN|HOST|NET|TIMEDOUT|PIPE)/.test(code) || /connection/i.test(error.message)
}
