import { runConcurrently } from '../measure/rounds.js'

/** Where a task finds Redis. Each build has keys of its own. */
export interface Place {
  /** The URL of one server, with a database. */
  readonly url: string
  /** The nodes of a Cluster, if the comparison needs one. */
  readonly cluster: readonly { readonly host: string; readonly port: number }[]
  readonly prefix: string
}

/** The work that is compared, on the build that the process has. */
export interface ComparedTask {
  /** Is called before each round with its number of operations, and not measured. */
  beforeRound?(operations: number): Promise<void>
  /** Does `operations` operations. It is measured. */
  round(operations: number): Promise<void>
  /** Is called after each round, and not measured. */
  afterRound?(): Promise<void>
}

/** A module in `tasks` exports this function. `variant` is that of the comparison. */
export type OpenTask = (place: Place, variant: string) => Promise<ComparedTask>

export const inFlight = (count: number, run: () => Promise<unknown>): ComparedTask => ({
  round: (operations) => runConcurrently({ run }, count, operations),
})
