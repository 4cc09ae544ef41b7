/** The messages of the processes to the checker. Times are those of `now()`. */
export type Event = Violation | Holding | Wait | Decision

/** A violation that a process found by itself, such as a stale read. */
export interface Violation {
  readonly type: 'violation'
  readonly pattern: string
  readonly description: string
  /** The violation concerns the time between these two. */
  readonly from: number
  readonly to: number
  /** Whether a clock that was set or an eviction explains it, as a README states. */
  readonly explainedBy: 'nothing' | 'clock or eviction'
}

/**
 * A lock or a permit was valid for a holder at both times. A later message with the same holder
 * extends an earlier one.
 */
export interface Holding {
  readonly type: 'holding'
  readonly lock: string
  /** The number of holders that may hold it at once. */
  readonly capacity: number
  readonly holder: string
  readonly fence: number
  readonly from: number
  readonly to: number
  /**
   * Whether exclusion and increasing fences are guaranteed only in calm times.
   */
  readonly onlyWhenCalm?: boolean
}

/** A process waited for a lock and acquired it. */
export interface Wait {
  readonly type: 'wait'
  readonly lock: string
  readonly holder: string
  readonly fence: number
  readonly began: number
  readonly granted: number
}

/** A decision of a rate limiter. `unknown` means that the process got no answer. */
export interface Decision {
  readonly type: 'decision'
  /** The name of the policy, as in `policies`. */
  readonly policy: string
  readonly id: string
  readonly cost: number
  readonly outcome: 'admitted' | 'denied' | 'unknown'
  readonly requested: number
  readonly answered: number
}

/** A message of a process: its events since the last message, and all its counts. */
export interface Report {
  readonly type: 'report'
  readonly events: readonly Event[]
  readonly counts: Readonly<Record<string, number>>
}

/** The commands of the checker to the processes. */
export type ProcessCommand = 'start' | 'finish'

/** The answer of a process to `finish`. */
export interface Finished extends Omit<Report, 'type'> {
  readonly type: 'finished'
}
