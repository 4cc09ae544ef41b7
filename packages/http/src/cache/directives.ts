/** The directives of a Cache-Control field, by their names in lower case. */
export type Directives = ReadonlyMap<string, string | true>

/**
 * Parses Cache-Control. Of a directive that occurs several times, the smallest value counts, so
 * that a mistake never makes a response fresh for longer.
 *
 * Source: RFC 9111, §5.2
 */
export function parseDirectives(field: string | null): Directives {
  const directives = new Map<string, string | true>()
  for (const [, name, quoted, plain] of (field ?? '').matchAll(DIRECTIVE)) {
    const key = name!.toLowerCase()
    const value = quoted ?? plain ?? true
    const earlier = directives.get(key)
    if (earlier === undefined || isSmaller(value, earlier)) directives.set(key, value)
  }
  return directives
}

/** Writes directives as a field that any parser reads the same way. */
export function formatDirectives(directives: Directives): string {
  return [...directives]
    .map(([name, value]) => (value === true ? name : `${name}=${value.replaceAll(',', ' ')}`))
    .join(', ')
}

/** Returns a number of seconds, or `undefined` if it is missing or invalid. */
export function seconds(directives: Directives, name: string): number | undefined {
  const value = directives.get(name)
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : undefined
}

const DIRECTIVE = /([\w-]+)(?:=(?:"([^"]*)"|([^\s,]*)))?/g

function isSmaller(value: string | true, than: string | true): boolean {
  return Number(value) < Number(than)
}
