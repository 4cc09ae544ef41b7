/** The warnings that this process has given. Bounded, because a subject may contain a prefix. */
const given = new Set<string>()
const MAX_GIVEN = 1_000

/**
 * Warns about a probable mistake of the developer with `process.emitWarning`, once for each `code`
 * and `subject`. Does nothing if NODE_ENV is 'production'.
 */
export function warnInDevelopment(
  code: `CACHE_${string}`,
  subject: string,
  message: () => string,
): void {
  if (!isDevelopment()) return
  const id = `${code} ${subject}`
  if (given.has(id) || given.size >= MAX_GIVEN) return
  given.add(id)
  process.emitWarning(message(), { type: 'CacheWarning', code })
}

/** Whether NODE_ENV is not 'production'. */
export function isDevelopment(): boolean {
  return process.env.NODE_ENV !== 'production'
}
