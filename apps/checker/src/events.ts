/** What the processes tell the checker. Times are those of `now()`. */
export type Event = Violation | Holding | Wait | Decision

/** Something that a process found by itself: a read that was too old. */
export interface Violation {
  readonly type: 'violation'
  readonly pattern: string
  readonly what: string
  /** The guarantee concerns what happened between these two times. */
  readonly from: number
  readonly to: number
  /** Whether a clock that was set, or an eviction, may explain it, as a README says. */
  readonly unless: 'nothing' | 'clock or eviction'
}

/**
 * A lock or a permit was valid for a holder at both times. A later message extends an earlier one.
 */
export interface Holding {
  readonly type: 'holding'
  readonly lock: string
  /** How many may hold it at once. */
  readonly capacity: number
  readonly holder: string
  readonly fence: number
  readonly from: number
  readonly to: number
  /**
   * Whether holders may overlap while something is wrong, and may hold again with the same fence.
   */
  readonly onlyWhenCalm?: boolean
}

/** A lock was waited for, and acquired. */
export interface Wait {
  readonly type: 'wait'
  readonly lock: string
  readonly holder: string
  readonly fence: number
  readonly began: number
  readonly granted: number
}

/** A rate limiter has decided, or nobody knows whether it has. */
export interface Decision {
  readonly type: 'decision'
  /** The name of the policy, as in `policies`. */
  readonly policy: string
  readonly id: string
  readonly cost: number
  readonly outcome: 'admitted' | 'denied' | 'unknown'
  readonly asked: number
  readonly answered: number
}

/** A message of a process: what happened since the last one, and its counts so far. */
export interface Report {
  readonly type: 'report'
  readonly events: readonly Event[]
  readonly counts: Readonly<Record<string, number>>
}

/** What the checker tells the processes. */
export type Order = 'work' | 'finish'

/** What a process answers to `finish`. */
export interface Finished extends Omit<Report, 'type'> {
  readonly type: 'finished'
}
