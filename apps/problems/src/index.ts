import { CacheError } from '@cache/core'
import type { Context, ErrorHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'

/** An answer that says what is wrong. Source: https://www.rfc-editor.org/rfc/rfc9457 */
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
 * Answers errors with problems. What an error says, with commands, keys and addresses, is for the
 * log.
 *
 * @param details What a client is told of an error, with 503; nothing for one that is like any
 * other.
 */
export function answerWith(details: (error: Error) => string | undefined): ErrorHandler {
  return (error, c) => {
    if (error instanceof HTTPException) return error.getResponse()
    if (c.req.raw.signal.aborted) return problem(c, 503, 'The client has left.')
    log(error, `${c.req.method} ${c.req.path}`)
    const detail = details(error)
    if (detail !== undefined) return problem(c, 503, detail)
    if (error instanceof CacheError || isOutage(error))
      return problem(c, 503, 'This can not be done now. Try again later.')
    return problem(c, 500, 'Something went wrong.')
  }
}

/**
 * A line for each kind of error, at most one a second: an outage concerns every request. Errors of
 * the caches show no values; of others, a database's for one, only the kind is told, since their
 * messages quote rows.
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
 * The database is out of reach, shuts down, or has no connection left. Source:
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
