/** The parts of `Redis` and `Cluster` of ioredis 5 and 6 that the driver uses. */
export interface IoredisClient {
  readonly status: string
  readonly options: object
  connect(): Promise<void>
  disconnect(): void
  call(command: string, args: (string | Buffer)[]): Promise<unknown>
  callBuffer(command: string, args: (string | Buffer)[]): Promise<unknown>
  on(event: string, listener: (...args: any[]) => void): unknown
  off(event: string, listener: (...args: any[]) => void): unknown
  listenerCount(event: string): number
}

/** The additional parts of `Cluster`. */
export interface IoredisCluster extends IoredisClient {
  readonly slots: (readonly string[])[]
  nodes(role: 'all' | 'master'): IoredisNode[]
  /** The timer while the client waits to connect again. */
  readonly reconnectTimeout?: NodeJS.Timeout | null
  /** Asks the nodes, one after the other, which of them owns which slots. */
  refreshSlotsCache?(done: () => void): void
  duplicate(startupNodes?: never[], override?: object): IoredisCluster
}

/** The additional parts of `Redis`. */
export interface IoredisNode extends IoredisClient {
  readonly options: {
    readonly host?: string | undefined
    readonly port?: number | undefined
    readonly path?: string | undefined
    readonly sentinels?: unknown
    readonly role?: string | undefined
    readonly name?: string | null | undefined
    readonly retryStrategy?: unknown
  }
  /** The socket of the current connection. */
  readonly stream?: {
    readonly bytesRead: number
    readonly remoteAddress?: string | undefined
    readonly remotePort?: number | undefined
    readonly writable: boolean
    destroy(): void
    unref?(): void
  }
  /** The timer while the client waits to connect again. */
  readonly reconnectTimeout?: NodeJS.Timeout | null
  /** Rejects the commands that are under way. */
  flushQueue?(error: Error, options: { offlineQueue: boolean }): void
  duplicate(override?: object): IoredisNode
  subscribe(...channels: string[]): Promise<unknown>
}
