import { validateHeaderName, validateHeaderValue } from 'node:http'
import { channels, InvalidOptionError } from '@cache/core'
import { emit } from '@cache/core/internal'
import type { Decision } from '../decision.js'
import { UNKNOWN_ID } from './address.js'
import type { HttpRefusal } from './response.js'

/** What differs from the default response to a denied request. */
export interface CustomRefusal {
  /**
   * A status from 200 to 599 that allows a body. Default: that of `refusal` (429, or 403 or 503).
   */
  readonly status?: number
  /** Further headers. The rate limit headers and `Retry-After` stay unless you replace them. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * The body: a text (`text/plain`), or anything else as JSON (`application/json`). The header
   * `Content-Type` in `headers` comes first. Default: the problem document of `refusal`.
   */
  readonly body?: unknown
}

/**
 * Returns the response to a denied request, or `undefined` for the default one. If it throws,
 * rejects or returns something invalid, the default response is sent, and the error is reported on
 * `cache:error`.
 */
export type OnLimited<Request> = (
  request: Request,
  decision: Decision,
) => CustomRefusal | undefined | Promise<CustomRefusal | undefined>

/** Returns the response to a denied request: that of `onLimited` if it is valid. Never rejects. */
export async function customRefusal<Request>(
  onLimited: OnLimited<Request> | undefined,
  request: Request,
  decision: Decision,
  standard: HttpRefusal,
): Promise<HttpRefusal> {
  if (!onLimited) return standard
  try {
    const custom = await onLimited(request, decision)
    return custom === undefined ? standard : merge(custom, standard)
  } catch (error) {
    emit(channels.error, () => ({ operation: 'ratelimit onLimited', key: UNKNOWN_ID, error }))
    return standard
  }
}

function merge(custom: CustomRefusal, standard: HttpRefusal): HttpRefusal {
  if (typeof custom !== 'object' || custom === null)
    throw new InvalidOptionError('onLimited', 'a function that returns an object', custom)
  const { status = standard.status, headers = {}, body } = custom
  const allowsBody = ![204, 205, 304].includes(status)
  if (!Number.isInteger(status) || status < 200 || status > 599 || !allowsBody)
    throw new InvalidOptionError('status', 'a status from 200 to 599 that allows a body', status)
  const merged = new Map(Object.entries(standard.headers).map((entry) => [lowerName(entry), entry]))
  if (body !== undefined)
    merged.set('content-type', [
      'Content-Type',
      typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json',
    ])
  for (const [name, value] of Object.entries(headers)) {
    validateHeaderName(name)
    if (typeof value !== 'string') throw new InvalidOptionError('headers', 'texts', value)
    validateHeaderValue(name, value)
    merged.set(name.toLowerCase(), [name, value])
  }
  return {
    status,
    headers: Object.fromEntries(merged.values()),
    body: body === undefined ? standard.body : toText(body),
  }
}

function lowerName([name]: readonly [string, string]): string {
  return name.toLowerCase()
}

function toText(body: unknown): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  if (typeof text !== 'string')
    throw new InvalidOptionError('body', 'a text or a value that JSON can contain', body)
  return text
}
