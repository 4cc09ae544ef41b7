import { types } from 'node:util'

/**
 * Returns the JSON of rows in which each value has a form that Postgres can read into a column of
 * its type.
 *
 * @throws {TypeError} for values that Postgres has no type for.
 */
export function postgresJson(rows: readonly object[]): string {
  return JSON.stringify(rows, replaceValue)
}

/** A replacer gets the result of `toJSON`, so this looks at the object that holds the value. */
function replaceValue(this: unknown, name: string, json: unknown): unknown {
  const value = (this as Readonly<Record<string, unknown>>)[name]
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value !== 'object' || value === null) return json
  if (ArrayBuffer.isView(value))
    return `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
  if (
    types.isMap(value) ||
    types.isSet(value) ||
    types.isRegExp(value) ||
    types.isNativeError(value)
  )
    throw new TypeError(
      'Postgres has no type for a Map, a Set, a RegExp or an Error. ' +
        'Convert them with the option "row" of postgresFlush.',
    )
  return json
}
