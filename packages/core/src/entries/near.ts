import type { Format } from './format.js'
import type { Entry } from './entry.js'

/**
 * Decoded values that are kept in the process. An entry store made with one
 * (`entries.withNear(near)`) answers from it, and tells it what is asked of Redis, what came, and
 * what is changed. What to keep, and for how long nothing may be said, is its own affair.
 */
export interface NearEntries {
  /**
   * What is kept of a key, if it was decoded by this format. Called for every read, first of all.
   */
  get<T>(key: string, format: Format<T>): Entry<T> | undefined
  /** Redis is about to be asked for a key, or to be given what was loaded of it. */
  ask(key: string): NearQuestion
  /** Entries are about to change: by this process, in a script that publishes the announcement. */
  change(keys: readonly string[]): NearChange
}

export interface NearQuestion {
  /**
   * Redis has answered, or did not. To be kept only if no invalidation of the key came since the
   * question.
   */
  answered(value?: NearValue): void
}

export interface NearChange {
  readonly announcement: Announcement | undefined
  /**
   * Done, and acknowledged; with the value that Redis has of the key from then on, if there is one.
   */
  acknowledged(value?: NearValue): void
  /** It is not known whether it was done, or when it will be. */
  failed(): void
}

export interface NearValue {
  readonly entry: Entry<unknown>
  readonly format: Format<any>
  /** Ms it has left to live. */
  readonly life: number
  /** As stored. */
  readonly bytes: number
}

/**
 * What a script publishes, and appends to a log where there is one: `{ v: 1, from, nth, id, keys,
 * at? }`.
 */
export interface Announcement {
  readonly channel: string
  /** Who says it. */
  readonly from: string
  /** Counts what was said. */
  readonly nth: number
  /** Random, so that nobody can send the same message in advance. */
  readonly id?: string | undefined
  /**
   * A stream that whoever missed something reads; not on a Cluster, where it would be in another
   * slot than the keys.
   */
  readonly log?: string | undefined
}
