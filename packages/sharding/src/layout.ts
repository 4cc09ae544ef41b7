import { createHash } from 'node:crypto'
import { CacheError, hashTag } from '@cache/core'
import type { Placement } from './placement/placement.js'
import type { Shard } from './shard.js'

/** A set of shards with weights and a placement: it decides which key is on which shard. */
export class Layout {
  readonly shards: readonly Shard[]
  readonly #weights: readonly number[]
  readonly #placement: Placement
  readonly #indexOf: (text: string) => number
  readonly #without = new Map<Shard, Layout | undefined>()

  constructor(shards: readonly Shard[], weights: readonly number[], placement: Placement) {
    this.shards = shards
    this.#weights = weights
    this.#placement = placement
    this.#indexOf = placement.build(shards.map(({ name }, i) => ({ name, weight: weights[i]! })))
    if (typeof this.#indexOf !== 'function')
      throw new CacheError(`build() of the placement "${placement.name}" returned no function.`, {
        code: 'PLACEMENT',
      })
  }

  /** Returns the shard that a key is on. */
  shardOf(key: string): Shard {
    const shard = this.shards[this.#indexOf(hashTag(key) ?? key)]
    if (shard === undefined)
      throw new CacheError(
        `The placement "${this.#placement.name}" returned no index of a shard for "${key}".`,
        { code: 'PLACEMENT', key },
      )
    return shard
  }

  /** Returns the shard that all these keys are on; `undefined` if they are on several. */
  commonShard(keys: readonly string[]): Shard | undefined {
    const shard = this.shardOf(keys[0]!)
    for (let i = 1; i < keys.length; i++) if (this.shardOf(keys[i]!) !== shard) return undefined
    return shard
  }

  /** Returns the layout of the other shards; `undefined` if there are none. */
  without(shard: Shard): Layout | undefined {
    if (!this.#without.has(shard)) {
      const others = this.shards.filter((other) => other !== shard)
      const weights = this.#weights.filter((_, i) => this.shards[i] !== shard)
      this.#without.set(
        shard,
        others.length === 0 ? undefined : new Layout(others, weights, this.#placement),
      )
    }
    return this.#without.get(shard)
  }

  /**
   * A hash that is equal for layouts which put every key on a shard of the same name, as far as a
   * sample of keys shows.
   */
  get fingerprint(): string {
    const weights = this.shards.map(({ name }, i) => [name, this.#weights[i]!]).sort()
    const sample = Array.from({ length: 512 }, (_, i) => this.shardOf(`sample:${i}`).name)
    return createHash('sha1')
      .update(JSON.stringify([this.#placement.name, weights, sample]))
      .digest('hex')
  }
}
