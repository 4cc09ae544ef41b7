/** The id of a record, as libraries take it. */
export type Id = string | number

/**
 * Returns a composite id such as `c16:key:123`, as applications make them of the parts that name a
 * record.
 */
export function compositeId(n: number): string {
  return `c${n % 40}:key:${n}`
}

export function compositeIds(count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => compositeId(n))
}
