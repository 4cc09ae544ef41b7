import type { Argument } from '../command.js'

/** The parts of the clients of `redis` 5 and 6 that the driver uses. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  readonly isReady?: boolean
  connect(): Promise<unknown>
  destroy(): unknown
  on(event: string, listener: (...args: any[]) => void): unknown
  off(event: string, listener: (...args: any[]) => void): unknown
  listenerCount(event: string): number
}

export interface NodeRedisStandalone extends NodeRedisClient {
  sendCommand(args: readonly Argument[], options?: any): Promise<any>
}

export interface NodeRedisSentinel extends NodeRedisClient {
  sendCommand(isReadonly: any, args: any, options?: any): Promise<any>
  getSentinelNode(): unknown
  getMasterNode?(): { readonly host: string; readonly port: number } | undefined
}

/** A primary of a Cluster, as the client knows it. */
export interface NodeRedisPrimary {
  readonly host: string
  readonly port: number
  readonly client?: any
}

export interface NodeRedisCluster extends NodeRedisClient {
  sendCommand(firstKey: any, isReadonly: any, args: any, options?: any): Promise<any>
  readonly masters: readonly NodeRedisPrimary[]
  readonly slots: readonly ({ readonly master: NodeRedisPrimary } | undefined)[]
  nodeClient(node: any): any
}
