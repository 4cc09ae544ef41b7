import type { OutgoingHttpHeader } from 'node:http'

/** The headers of a response of Node or Fastify, at one moment. */
export type HeaderSnapshot = Readonly<Record<string, OutgoingHttpHeader | undefined>>

/**
 * Returns the headers that a handler has set. Those that were there before it belong to the request
 * and are not stored with the page, unless they say whether the page can be stored.
 */
export function headersSince(before: HeaderSnapshot, now: HeaderSnapshot): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(now)) {
    const isOlder = String(before[name]) === String(value)
    if (value === undefined || (isOlder && !DECIDES_ABOUT_STORING.has(name))) continue
    for (const one of [value].flat()) headers.append(name, String(one))
  }
  return headers
}

/** Returns headers as Node and Fastify take them. */
export function toNodeHeaders(headers: Headers): Record<string, string | string[]> {
  const cookies = headers.getSetCookie()
  return {
    ...Object.fromEntries(headers),
    ...(cookies.length > 0 && { 'set-cookie': cookies }),
  }
}

const DECIDES_ABOUT_STORING = new Set([
  'cache-control',
  'cache-tag',
  'cdn-cache-control',
  'expires',
  'set-cookie',
  'vary',
])
