/**
 * Header fields of one connection. They are neither stored nor forwarded (RFC 9110, §7.6.1).
 */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

export type HeaderList = readonly (readonly [name: string, value: string])[]

/** Returns the fields that belong to the message and not to its connection. */
export function endToEnd(headers: Headers, without: ReadonlySet<string> = NONE): HeaderList {
  const named = listed(headers.get('connection'))
  return [...headers].filter(
    ([name]) => !HOP_BY_HOP.has(name) && !named.includes(name) && !without.has(name),
  )
}

/** Returns the elements of a comma-separated field, in lower case. */
export function listed(value: string | null): string[] {
  return (value ?? '')
    .split(',')
    .map((element) => element.trim().toLowerCase())
    .filter((element) => element !== '')
}

/** Returns one Vary for a response that several handlers have added to. */
export function joinVary(...fields: readonly unknown[]): string | undefined {
  const names = new Map<string, string>()
  for (const name of fields.flatMap((field) => String(field ?? '').split(',')))
    if (name.trim() !== '') names.set(name.trim().toLowerCase(), name.trim())
  return names.size === 0 ? undefined : [...names.values()].join(', ')
}

/** Responses with these statuses have no body. */
export function hasNoBody(status: number): boolean {
  return status === 101 || status === 204 || status === 205 || status === 304
}

const NONE: ReadonlySet<string> = new Set()
