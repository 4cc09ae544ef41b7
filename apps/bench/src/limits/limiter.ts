/** A way to limit requests: so many in a window, for each id. */
export interface LimiterContender {
  readonly name: string
  /** The name of the bare client it is compared with. */
  readonly bare: string
  open(url: string, limit: number, windowSeconds: number): Promise<MeasuredLimiter>
}

export interface MeasuredLimiter {
  /** Whether the request is allowed. */
  decide(id: string): Promise<boolean>
  close(): Promise<void>
}
