/** An argument of a command. */
export type Argument = string | Buffer

/**
 * A reply of Redis. It has the shape of RESP2 under RESP3 as well: maps are flat arrays, doubles
 * are strings, booleans are 0 or 1.
 */
export type Reply = string | Buffer | number | null | readonly Reply[]

export interface Command {
  readonly args: readonly [name: string, ...arguments_: Argument[]]
  /**
   * The keys that the command concerns. The first one determines the node. A command without keys
   * may go to any node.
   */
  readonly keys: readonly string[]
  /** Whether bulk strings are returned as Buffers instead of UTF-8 strings. */
  readonly binary?: boolean
  /**
   * Only for an MGET of keys that `Driver.groupReads` put into one group: whether the reply may
   * have the number 0 in place of values. Default false.
   */
  readonly partial?: boolean
}

/** Stands for a value that was not read, see `Driver.groupReads`. No value is a number. */
export const UNREAD = 0

/**
 * Returns whether a command has no key, or contains its routing key. A command that does not
 * contain it (WAIT, INFO, CLIENT) is sent to the node that owns the key. The client of a Cluster
 * would send it to any node, or to all.
 */
export function containsItsKey({ args, keys }: Command): boolean {
  return keys.length === 0 || args.includes(keys[0]!)
}
