/**
 * One of few, whatever the message: its code, or else its name. Loaders' errors may bring any
 * number of them, and a series is kept for each: from the hundredth on they are `_OTHER`. Source:
 * https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
 */
export function errorType(error: unknown): string {
  const type = !(error instanceof Error)
    ? typeof error
    : 'code' in error && typeof error.code === 'string'
      ? error.code
      : error.name
  if (known.size < MAX_TYPES && /^[\w.$-]{1,64}$/.test(type)) known.add(type)
  return known.has(type) ? type : '_OTHER'
}

const known = new Set<string>()
const MAX_TYPES = 100
