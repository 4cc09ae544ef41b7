/**
 * Returns what a driver answered, as it can be stored: the rows alone. Answers of node-postgres
 * contain functions, for example. `undefined`: the driver answers in a way that is not known here.
 */
export function storableRows(response: unknown): NonNullable<unknown> | undefined {
  if (Array.isArray(response)) return [...(response as unknown[])]
  const rows = (response as { readonly rows?: unknown } | null | undefined)?.rows
  return Array.isArray(rows) ? { rows: [...(rows as unknown[])] } : undefined
}
