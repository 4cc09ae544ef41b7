/** A command of the suite to a contender. */
export type ContenderCommand =
  /** Acquire the lock, report its state, and hold it until the `release` command, or its loss. */
  | {
      readonly do: 'hold'
      readonly id: number
      readonly name: string
      readonly ttl: number
      readonly wait: number
      /** In ms: how long to block the event loop once the lock is acquired. */
      readonly block?: number
    }
  | { readonly do: 'release'; readonly id: number }
  /** Acquire, update the store and release, repeatedly until the `stop` command. */
  | { readonly do: 'contend'; readonly name: string; readonly ttl: number; readonly wait: number }
  | { readonly do: 'stop' }
  /** End all work, and release all locks. */
  | { readonly do: 'reset' }
  /** The store's answer to a `store` event. */
  | {
      readonly do: 'storeResult'
      readonly requestId: number
      readonly accepted: boolean
      readonly value: number
    }

/** A time in which a process did not run, in µs of the machine's monotonic clock. */
export interface ProcessPause {
  readonly from: number
  readonly to: number
}

/** An event that a contender reports. `at` is in µs of the machine's monotonic clock. */
export type ContenderEvent =
  | { readonly type: 'ready' }
  | { readonly type: 'acquired'; readonly id: number; readonly fence: number; readonly at: number }
  | { readonly type: 'refused'; readonly id: number; readonly error: string; readonly at: number }
  /** `assertHeld()` returned. `at` was read before the call: the lock was held at that time. */
  | { readonly type: 'held'; readonly id: number; readonly at: number }
  /** `assertHeld()` threw. */
  | { readonly type: 'lost'; readonly id: number; readonly at: number; readonly error: string }
  /** The signal aborted. */
  | {
      readonly type: 'aborted'
      readonly id: number
      readonly at: number
      /** The last pause of the process. */
      readonly pause?: ProcessPause
    }
  | { readonly type: 'ended'; readonly id: number; readonly at: number }
  /** A request to the store: a write of `value`, or a read if there is none. */
  | {
      readonly type: 'store'
      readonly requestId: number
      readonly fence: number
      readonly value?: number
    }
  | { readonly type: 'stopped' }
  | { readonly type: 'resetDone' }
