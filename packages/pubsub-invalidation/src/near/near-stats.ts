import type { HitStats } from '@cache/core'

/** What a near cache has done since it was created, and what it holds now. */
export interface NearStats extends HitStats {
  /** Entries that were dropped because of a message or a change by this process. */
  readonly invalidated: number
  /** Replies that were used but not cached, because their key was invalidated meanwhile. */
  readonly refused: number
  readonly entries: number
  /** The size of all entries together, as `maxBytes` counts it. */
  readonly bytes: number
  /**
   * `false` while messages may be missed, or while there was no sign of life for two heartbeats.
   * Then every read goes to Redis.
   */
  readonly answering: boolean
}
