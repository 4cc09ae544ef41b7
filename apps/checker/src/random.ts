import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/** A source of random choices that are the same for the same seed. */
export class Random {
  readonly #generator: ReturnType<typeof xoroshiro128plus>

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed)
  }

  /** Returns a whole number between `min` and `max`, both included. */
  between(min: number, max: number): number {
    return uniformInt(this.#generator, min, max)
  }

  /** Returns `true` with this probability. */
  chance(probability: number): boolean {
    return this.between(0, 999_999) < probability * 1_000_000
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('There is nothing to pick from.')
    return list[this.between(0, list.length - 1)]!
  }
}
