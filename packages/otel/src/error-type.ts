/**
 * Returns the value of the attribute `error.type`: the code of an error, or else its name. An SDK
 * keeps a series for each value, and loaders may throw errors of any number of types. Therefore
 * types after the first hundred are `_OTHER`. Source:
 * https://opentelemetry.io/docs/specs/semconv/registry/attributes/error/
 */
export function errorType(error: unknown): string {
  const type = !(error instanceof Error)
    ? typeof error
    : 'code' in error && typeof error.code === 'string'
      ? error.code
      : error.name
  if (knownTypes.size < MAX_TYPES && /^[\w.$-]{1,64}$/.test(type)) knownTypes.add(type)
  return knownTypes.has(type) ? type : '_OTHER'
}

const knownTypes = new Set<string>()
const MAX_TYPES = 100
