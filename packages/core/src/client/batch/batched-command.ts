import type { Command, Reply } from '../../drivers/command.js'
import type { CacheError } from '../../errors.js'

/** A command that goes to the driver, and the requests that its reply settles. */
export interface BatchedCommand {
  readonly command: Command
  /** The number of requests that the reply settles. */
  readonly requestCount: number
  deliver(reply: Reply): void
  fail(error: CacheError): void
  /**
   * Returns the same command with the source of the script, for a server that does not know its
   * hash.
   */
  withSource?(): BatchedCommand
  /** Returns the requests that a reply leaves open. They are sent again, each by itself. */
  unread?(reply: Reply): BatchedCommand[]
}

/**
 * A promise together with the functions that settle it.
 *
 * This and everything else that exists once for each request is an instance of a class. V8 may
 * allocate what a literal makes among old objects, if many of its objects once lived long; all that
 * they refer to then becomes old as well, and is only collected with the old objects.
 */
export class Deferred<T> {
  readonly promise: Promise<T>
  resolve!: (value: T) => void
  reject!: (error: unknown) => void

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}

/**
 * A command reads at most this many keys, so that no other command waits behind a very long one.
 */
export const MAX_KEYS_PER_COMMAND = 256
/**
 * A command runs at most this many calls of a script. The server can then run some calls while the
 * replies to others are on their way.
 */
export const MAX_CALLS_PER_COMMAND = 50

/** Splits a list into parts of at most `maxLength` items. */
export function chunks<T>(items: readonly T[], maxLength: number): (readonly T[])[] {
  if (items.length <= maxLength) return [items]
  const parts: T[][] = []
  for (let i = 0; i < items.length; i += maxLength) parts.push(items.slice(i, i + maxLength))
  return parts
}
