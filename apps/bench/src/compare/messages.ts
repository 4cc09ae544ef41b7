import type { Place } from './compared-task.js'

/** What the process of a build is asked to do, one after the other. */
export type Request =
  | {
      readonly type: 'open'
      readonly task: string
      readonly variant: string
      readonly place: Place
    }
  | { readonly type: 'before round'; readonly operations: number }
  | { readonly type: 'round'; readonly operations: number }
  | { readonly type: 'after round' }

/** The time and the CPU time of a round, in microseconds. They are 0 for other requests. */
export interface Cost {
  readonly wall: number
  readonly cpu: number
}

export type Reply = Cost | { readonly error: string }
