import { createHash } from 'node:crypto'
import { CacheError, hashTag } from '@cache/core'
import type { Placement } from './placement/placement.js'
import type { Shard } from './shard.js'

/** Shards, and which keys are on which. */
export class Layout {
  readonly shards: readonly Shard[]
  readonly #weights: readonly number[]
  readonly #placement: Placement
  readonly #place: (text: string) => number
  readonly #without = new Map<Shard, Layout | undefined>()

  constructor(shards: readonly Shard[], weights: readonly number[], placement: Placement) {
    this.shards = shards
    this.#weights = weights
    this.#placement = placement
    this.#place = placement.build(shards.map(({ name }, i) => ({ name, weight: weights[i]! })))
    if (typeof this.#place !== 'function')
      throw new CacheError(`The placement "${placement.name}" builds no function.`, {
        code: 'PLACEMENT',
      })
  }

  shardOf(key: string): Shard {
    const shard = this.shards[this.#place(hashTag(key) ?? key)]
    if (shard === undefined)
      throw new CacheError(
        `The placement "${this.#placement.name}" answers with no place of a shard for "${key}".`,
        { code: 'PLACEMENT', key },
      )
    return shard
  }

  /** The one that all these keys are on; `undefined`: they are on several. */
  commonShard(keys: readonly string[]): Shard | undefined {
    const shard = this.shardOf(keys[0]!)
    for (let i = 1; i < keys.length; i++) if (this.shardOf(keys[i]!) !== shard) return undefined
    return shard
  }

  /** Where keys go while one is out; `undefined`: nowhere. */
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

  /** The same for layouts that put every key on a shard of the same name, as a sample shows. */
  get fingerprint(): string {
    const names = this.shards.map(({ name }, i) => [name, this.#weights[i]!]).sort()
    const sample = Array.from({ length: 512 }, (_, i) => this.shardOf(`sample:${i}`).name)
    return createHash('sha1')
      .update(JSON.stringify([this.#placement.name, names, sample]))
      .digest('hex')
  }
}
