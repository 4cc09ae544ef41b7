/** The role that a server reports; `unknown` if it does not report one. */
export type Role = 'primary' | 'replica' | 'unknown'

/** The Redis client that `ServerWatch` uses to ask about servers and to replace connections. */
export interface WatchedClient {
  /** Returns whether a command that is written to the node now is sent immediately. */
  isConnected(node: string): boolean
  /**
   * Sends a command that every server answers. Resolves to the role of the node, and rejects if it
   * does not answer.
   */
  probe(node: string): Promise<Role>
  /**
   * Returns the bytes that the current connection has received; `undefined` if the client does not
   * report them.
   */
  bytesRead(node: string): number | undefined
  /** Closes the current connection and opens another one, to wherever the primary is now. */
  reconnect(node: string): void
  /** Returns whether the node still belongs to the servers of this client. */
  isKnown(node: string): boolean
  /** On a Cluster: asks a node that is not silent which nodes own which slots. */
  rediscover?(isSilent: (node: string) => boolean): void
  /**
   * Whether a node may change its role while its address stays the same. Its role is then checked
   * while it is used.
   */
  readonly checksRole: boolean
  /**
   * Whether a new connection leads to the new primary. Silent connections are then closed sooner.
   */
  readonly findsPrimary: boolean
}
