import type { Decision } from '../decision.js'
import type { Limit } from '../policies.js'
import { rateLimitHeaders, type HeaderStyle } from './headers.js'
import { refusal, type Refusal } from './problem.js'

/** What goes with the response, and the response itself where the request was denied. */
export function respond(
  decision: Decision,
  limits: readonly Limit[],
  style: HeaderStyle | false,
): { readonly headers: Readonly<Record<string, string>>; readonly refused: Refusal | undefined } {
  const how = { style: style || 'draft-10', limits } as const
  const all = rateLimitHeaders(decision, how)
  const headers = style === false ? only(all, 'Retry-After') : all
  if (decision.allowed) return { headers, refused: undefined }
  const refused = refusal(decision, how)
  return {
    headers,
    refused: {
      ...refused,
      headers: { ...headers, 'Content-Type': refused.headers['Content-Type']! },
    },
  }
}

function only(headers: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return headers[name] === undefined ? {} : { [name]: headers[name] }
}
