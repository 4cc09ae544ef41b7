import { createHash } from 'node:crypto'
import { serialize } from 'node:v8'

/** Returns a hash of a query and its parameters; `undefined` if a parameter can't be serialized. */
export function queryHash(sql: string, params: readonly unknown[]): string | undefined {
  let bytes: Buffer
  try {
    bytes = serialize(params)
  } catch {
    return undefined
  }
  return createHash('sha256').update(`${sql.length}:${sql}`).update(bytes).digest('base64url')
}
