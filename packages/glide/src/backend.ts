import type { Connection, NodeHandle } from '@cache/core'

/** Sends commands to one server, or to the nodes of a Cluster. */
export interface Backend extends Connection {
  /** See the members of `Driver`. */
  silentFor(node: string): number
  sinceResend(): number
  nodes(): Promise<readonly NodeHandle[]>
  nodeOf?(key: string): string | undefined
  /**
   * Returns the address to subscribe at: the owner of a channel, or any primary. It is `undefined`
   * if there is only one.
   */
  subscribeAt(channel: string | undefined): Promise<string | undefined>
}

export interface BackendOptions {
  /** Milliseconds until a command fails; `undefined` for no deadline. */
  readonly timeout: number | undefined
  /** Milliseconds for commands of the driver itself. */
  readonly ownTimeout: number
}
