/** What a contender is told to do. */
export type Order =
  /** Acquires, says what it sees, and holds until it is told to release, or loses it. */
  | {
      readonly do: 'hold'
      readonly id: number
      readonly name: string
      readonly ttl: number
      readonly wait: number
      /** Ms to block the event loop for, once it has it. */ readonly block?: number
    }
  | { readonly do: 'release'; readonly id: number }
  /** Acquires, updates the store, releases, again and again until it is told to stop. */
  | { readonly do: 'contend'; readonly name: string; readonly ttl: number; readonly wait: number }
  | { readonly do: 'stop' }
  /** Ends all it does, and releases all it holds. */
  | { readonly do: 'forget' }
  | {
      readonly do: 'stored'
      readonly place: number
      readonly accepted: boolean
      readonly value: number
    }

/** When a process did not run, by its own ticks. */
export interface Asleep {
  readonly from: number
  readonly to: number
}

/** What a contender says. `at`: µs of the machine's monotonic clock. */
export type Said =
  | { readonly type: 'ready' }
  | { readonly type: 'acquired'; readonly id: number; readonly fence: number; readonly at: number }
  | { readonly type: 'refused'; readonly id: number; readonly error: string; readonly at: number }
  /**
   * `at` was read before `assertHeld()` returned: the holder was told that it held the lock then.
   */
  | { readonly type: 'held'; readonly id: number; readonly at: number }
  /** `assertHeld()` threw. */
  | { readonly type: 'lost'; readonly id: number; readonly at: number; readonly error: string }
  | {
      readonly type: 'aborted'
      readonly id: number
      readonly at: number
      /** The last time that the process did not run. */ readonly asleep?: Asleep
    }
  | { readonly type: 'ended'; readonly id: number; readonly at: number }
  | {
      readonly type: 'store'
      readonly place: number
      readonly fence: number
      /** Missing: it reads. */ readonly value?: number
    }
  | { readonly type: 'stopped' }
  | { readonly type: 'forgotten' }
