/** The package contains types, but its `exports` do not lead to them. */
declare module 'redlock' {
  import type { Redis } from 'ioredis'
  export default class Redlock {
    constructor(clients: readonly Redis[], settings?: { readonly retryCount?: number })
    acquire(resources: readonly string[], ttl: number): Promise<{ release(): Promise<unknown> }>
  }
}
