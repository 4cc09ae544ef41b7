import type { Argument } from './driver.js'

/** What this driver needs of the clients of `redis`, of major 5 or 6. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  readonly isReady?: boolean
  connect(): Promise<unknown>
  destroy(): unknown
  on(event: string, listener: (...args: any[]) => void): unknown
  off(event: string, listener: (...args: any[]) => void): unknown
}

export interface NodeRedisStandalone extends NodeRedisClient {
  sendCommand(args: readonly Argument[], options?: any): Promise<any>
}

export interface NodeRedisSentinel extends NodeRedisClient {
  sendCommand(isReadonly: any, args: any, options?: any): Promise<any>
  getSentinelNode(): unknown
}

export interface NodeRedisCluster extends NodeRedisClient {
  sendCommand(firstKey: any, isReadonly: any, args: any, options?: any): Promise<any>
  readonly masters: readonly { readonly host: string; readonly port: number }[]
  readonly slots: readonly ({ readonly master: { readonly host: string; readonly port: number } } | undefined)[]
  nodeClient(node: any): any
}
