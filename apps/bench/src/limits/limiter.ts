/** A rate limiter with a limit for each id and window. */
export interface LimiterContender {
  readonly name: string
  /** The name of the bare client that it is compared with. */
  readonly bare: string
  open(url: string, limit: number, windowSeconds: number): Promise<MeasuredLimiter>
}

export interface MeasuredLimiter {
  /** Returns whether the request is allowed. */
  decide(id: string): Promise<boolean>
  close(): Promise<void>
}

/** The names of the bare clients. */
export const BARE = { ioredis: 'ioredis (one INCR)', nodeRedis: 'node-redis (one INCR)' }
