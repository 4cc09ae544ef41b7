/** A way for one at a time to hold a name. */
export interface LockContender {
  readonly name: string
  open(url: string): Promise<MeasuredLocks>
}

export interface MeasuredLocks {
  /** Waits as long as it takes, holds it while `work` runs, gives it back. */
  hold(name: string, work: () => Promise<void>): Promise<void>
  close(): Promise<void>
}

export const TTL_MS = 10_000
export const WAIT_MS = 30_000
