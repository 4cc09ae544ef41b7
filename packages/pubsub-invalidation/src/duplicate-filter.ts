import { RecentMap } from '@cache/core/internal'

/**
 * Recognizes messages that arrived before. On a Cluster, and a shard may be one, each message
 * arrives from every primary.
 *
 * A message has a random id, which nobody knows before it is published, so two equal messages are
 * the same one. Long messages are not remembered: applying them twice does no harm.
 */
export class DuplicateFilter {
  readonly #seen = new RecentMap<true>({ max: 1_000 })

  /** Whether the message arrived before. Remembers it. */
  isDuplicate(payload: string): boolean {
    if (payload.length > MAX_LENGTH) return false
    if (this.#seen.get(payload)) return true
    this.#seen.set(payload, true)
    return false
  }
}

const MAX_LENGTH = 4_096
