/** A value, or the answer that there is none. */
export type Maybe<T> = T | null | undefined

export function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined
}
