import type { Command, Reply } from '../../drivers/command.js'
import type { CacheError } from '../../errors.js'

/** One command, and those it answers. */
export interface Parcel {
  readonly command: Command
  /** How many requests it answers. */
  readonly requests: number
  deliver(reply: Reply): void
  fail(error: CacheError): void
  /** The same with the script's source, for a server that does not know it. */
  again?(): Parcel
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

/** No command reads more keys than this, so that no one waits behind a giant. */
export const MOST_KEYS = 256
/**
 * Nor does one carry more calls of a script: the server runs some while the answers to others are
 * on their way.
 */
export const MOST_CALLS = 50

export function chunks<T>(all: readonly T[], most: number): (readonly T[])[] {
  if (all.length <= most) return [all]
  const cut: T[][] = []
  for (let i = 0; i < all.length; i += most) cut.push(all.slice(i, i + most))
  return cut
}
