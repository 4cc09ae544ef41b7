/**
 * The messages of late: on a Cluster, which a shard may be, each comes from every primary. A
 * message has a random id, which nobody knows before it is published, so two that are alike are the
 * same one. Long ones are not remembered: to apply them again does no harm.
 */
export class Repeated {
  readonly #seen = new Set<string>()

  has(payload: string): boolean {
    if (payload.length > LONGEST) return false
    if (this.#seen.has(payload)) return true
    this.#seen.add(payload)
    if (this.#seen.size > MOST) this.#seen.delete(this.#seen.values().next().value!)
    return false
  }
}

const LONGEST = 4_096
const MOST = 1_000
