/** The package contains types, but its `exports` do not lead to them. */
declare module 'redlock' {
  import type { Redis } from 'ioredis'

  interface Settings {
    readonly driftFactor?: number
    readonly retryCount?: number
    readonly retryDelay?: number
    readonly retryJitter?: number
    readonly automaticExtensionThreshold?: number
  }

  interface Lock {
    readonly expiration: number
    extend(duration: number): Promise<Lock>
    release(): Promise<unknown>
  }

  export default class Redlock {
    constructor(clients: readonly Redis[], settings?: Settings)
    acquire(resources: readonly string[], duration: number, settings?: Settings): Promise<Lock>
    using<T>(
      resources: readonly string[],
      duration: number,
      routine: (signal: AbortSignal & { readonly error?: Error }) => Promise<T>,
    ): Promise<T>
  }
}
