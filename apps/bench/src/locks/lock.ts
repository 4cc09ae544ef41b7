/** A lock library: one caller at a time may hold a name. */
export interface LockContender {
  readonly name: string
  open(url: string): Promise<MeasuredLocks>
}

export interface MeasuredLocks {
  /** Waits for the lock without a limit, holds it while `work` runs, and releases it. */
  hold(name: string, work: () => Promise<void>): Promise<void>
  close(): Promise<void>
}

export const TTL_MS = 10_000
export const WAIT_MS = 30_000
