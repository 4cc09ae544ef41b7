/**
 * Returns a function that computes a value when it is first called, and keeps it. For what an
 * import of this package should not wait for.
 */
export function lazy<T>(compute: () => T): () => T {
  let value: T | undefined
  return () => (value ??= compute())
}
