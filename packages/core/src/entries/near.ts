import type { Format } from './format.js'
import type { Entry } from './entry.js'

/**
 * A near cache: decoded values that are kept in the process.
 *
 * An entry store with a near cache (`entries.withNear(near)`) reads from it first, and tells it
 * about each request to Redis, each answer and each change. The near cache decides what to keep and
 * for how long.
 */
export interface NearEntries {
  /**
   * Returns the entry of a key, if it was decoded by this format. Called for every read, before
   * anything else.
   */
  get<T>(key: string, format: Format<T>): Entry<T> | undefined
  /** Called before a key is read from Redis, or filled with a loaded value. */
  ask(key: string): NearQuestion
  /** Called before this process changes entries, with a script that publishes the announcement. */
  change(keys: readonly string[]): NearChange
}

export interface NearQuestion {
  /**
   * Called when Redis has answered, or failed to. Keep the value only if no invalidation of the key
   * arrived since the question.
   */
  answered(value?: NearValue): void
}

export interface NearChange {
  readonly announcement: Announcement | undefined
  /**
   * Called when the change is acknowledged, with the value that Redis has of the key from then on,
   * if there is one.
   */
  acknowledged(value?: NearValue): void
  /** Called if it is not known whether the change was made, or when it will be. */
  failed(): void
}

export interface NearValue {
  readonly entry: Entry<unknown>
  readonly format: Format<any>
  /** The remaining life, in ms. */
  readonly life: number
  /** The size as stored. */
  readonly bytes: number
}

/**
 * How a script announces its changes. It publishes `{ v: 1, from, nth, id, keys, at? }` on the
 * channel, and appends the message to the log, if there is one.
 */
export interface Announcement {
  readonly channel: string
  /** The sender. */
  readonly from: string
  /** The sequence number of the message; each sender counts its own. */
  readonly nth: number
  /** Random, so that nobody can send the same message in advance. */
  readonly id?: string | undefined
  /**
   * A stream for processes that missed a message. Not used on a Cluster, where it would be in
   * another slot than the keys.
   */
  readonly log?: string | undefined
}
