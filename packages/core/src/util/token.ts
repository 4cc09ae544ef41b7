import { randomBytes } from 'node:crypto'

const PROCESS = randomBytes(12).toString('base64url')
let count = 0

/** A name that nobody else uses, in any process: who holds a lease, an intent, a lock. */
export function createToken(): string {
  return `${PROCESS}.${(++count).toString(36)}`
}
