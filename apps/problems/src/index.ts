import { CacheError } from '@cache/core'
import type { Context, ErrorHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'

/** Returns a response with problem details. Source: https://www.rfc-editor.org/rfc/rfc9457 */
export function problem(
  c: Context,
  status: 400 | 401 | 404 | 409 | 413 | 500 | 503,
  detail: string,
): Response {
  return c.json({ status, detail }, status, {
    'content-type': 'application/problem+json',
    ...(status === 503 && { 'retry-after': '1' }),
  })
}

/**
 * Returns an error handler that answers with problem details. The message of an error contains
 * commands, keys and addresses, so it goes to the log and not to the client.
 *
 * @param details returns the text for the client, which is answered with 503. If it returns
 * `undefined`, the client gets a general text.
 */
export function answerWith(details: (error: Error) => string | undefined): ErrorHandler {
  return (error, c) => {
    if (error instanceof HTTPException) return error.getResponse()
    if (c.req.raw.signal.aborted) return problem(c, 503, 'The client has disconnected.')
    log(error, `${c.req.method} ${c.req.path}`)
    const detail = details(error)
    if (detail !== undefined) return problem(c, 503, detail)
    if (error instanceof CacheError || isOutage(error))
      return problem(c, 503, 'This can not be done now. Try again later.')
    return problem(c, 500, 'Something went wrong.')
  }
}

/**
 * Logs each kind of error at most once a second, because an outage affects every request. Messages
 * of the caches contain no values, so they are logged. Of other errors only the kind is logged,
 * because the messages of a database quote rows.
 */
function log(error: Error, where: string): void {
  const kind = `${error.name} ${'code' in error ? String(error.code) : ''}`.trimEnd()
  const now = performance.now()
  if (now - (logged.get(kind) ?? -Infinity) < 1_000) return
  logged.set(kind, now)
  console.error(`${where}: ${kind}${error instanceof CacheError ? `: ${error.message}` : ''}`)
}

const logged = new Map<string, number>()

/**
 * Returns whether the database is unreachable, shuts down, or has no connection left. Source:
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
function isOutage(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : ''
  return (
    /^(08|53|57P)/.test(code) ||
    /^E(CONN|HOST|NET|TIMEDOUT|PIPE)/.test(code) ||
    /connection/i.test(error.message)
  )
}
