export type Argument = string | Buffer
/**
 * Replies have RESP2 shapes under RESP2 and RESP3 alike: maps are flat arrays, doubles strings,
 * booleans 0 or 1.
 */
export type Reply = string | Buffer | number | null | readonly Reply[]

export interface Command {
  readonly args: readonly [name: string, ...arguments_: Argument[]]
  /** The keys the command concerns. The first one routes it; none: any node will do. */
  readonly keys: readonly string[]
  /** Bulk strings come back as Buffers, not as UTF-8 strings. */
  readonly binary?: boolean
}

/**
 * What does not (WAIT, INFO, CLIENT) is for the node of its key; a Cluster's client by itself would
 * ask any, or all.
 */
export function namesItsKey({ args, keys }: Command): boolean {
  return keys.length === 0 || args.includes(keys[0]!)
}
