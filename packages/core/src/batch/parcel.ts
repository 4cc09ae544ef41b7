import type { Command, Reply } from '../drivers/driver.js'
import type { CacheError } from '../errors.js'

/** One command, and those it answers. */
export interface Parcel {
  readonly command: Command
  /** How many requests it answers. */
  readonly requests: number
  deliver(reply: Reply): void
  fail(error: CacheError): void
  /** The same with the script's source, for a server that does not know it. */
  readonly again?: Parcel
}

/** A promise, and the ways to settle it. */
export interface Request<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: CacheError): void
}

export function request<T>(): Request<T> {
  let resolve!: (value: T) => void
  let reject!: (error: CacheError) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** No command carries more than this many calls or keys, so that no one waits behind a giant. */
const CEILING = 256

export function chunks<T>(all: readonly T[]): (readonly T[])[] {
  if (all.length <= CEILING) return [all]
  const cut: T[][] = []
  for (let i = 0; i < all.length; i += CEILING) cut.push(all.slice(i, i + CEILING))
  return cut
}
