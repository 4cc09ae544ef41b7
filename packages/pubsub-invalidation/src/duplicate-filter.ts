/**
 * Recognizes messages that arrived before. On a Cluster, and a shard may be one, each message
 * arrives from every primary.
 *
 * A message has a random id, which nobody knows before it is published, so two equal messages are
 * the same one. Long messages are not remembered: applying them twice does no harm.
 */
export class DuplicateFilter {
  readonly #seen = new Set<string>()

  /** Whether the message arrived before. Remembers it. */
  isDuplicate(payload: string): boolean {
    if (payload.length > MAX_LENGTH) return false
    if (this.#seen.has(payload)) return true
    this.#seen.add(payload)
    if (this.#seen.size > MAX_REMEMBERED) this.#seen.delete(this.#seen.values().next().value!)
    return false
  }
}

const MAX_LENGTH = 4_096
const MAX_REMEMBERED = 1_000
