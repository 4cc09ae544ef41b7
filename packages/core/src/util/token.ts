import { randomBytes } from 'node:crypto'

const PROCESS = randomBytes(12).toString('base64url')
let count = 0

/**
 * Returns a token that is unique across all processes. It identifies the holder of a lease, an
 * intent or a lock.
 */
export function createToken(): string {
  return `${PROCESS}.${(++count).toString(36)}`
}
