import type { Decision } from '../decision.js'
import type { Limit } from '../policies/limit.js'
import { rateLimitHeaders, type HeaderStyle } from './headers.js'
import { refusal } from './refusal.js'

/** A whole response to a denied request. */
export interface HttpRefusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Returns the headers for the response, and the whole response if the request is denied. */
export function responseFor(
  decision: Decision,
  limits: readonly Limit[],
  style: HeaderStyle | false,
): {
  readonly headers: Readonly<Record<string, string>>
  readonly refused: HttpRefusal | undefined
} {
  const options = { style: style || 'draft-10', limits } as const
  const allHeaders = rateLimitHeaders(decision, options)
  const headers = style === false ? onlyHeader(allHeaders, 'Retry-After') : allHeaders
  if (decision.allowed) return { headers, refused: undefined }
  const refused = refusal(decision, options)
  return {
    headers,
    refused: {
      ...refused,
      headers: { ...headers, 'Content-Type': refused.headers['Content-Type']! },
    },
  }
}

function onlyHeader(
  headers: Readonly<Record<string, string>>,
  name: string,
): Record<string, string> {
  return headers[name] === undefined ? {} : { [name]: headers[name] }
}
