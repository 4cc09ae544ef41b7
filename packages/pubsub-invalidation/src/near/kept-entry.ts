import type { Entry, Format, NearValue } from '@cache/core/internal'
import type { Copier } from './copier.js'

export interface Shareable extends NearValue {
  /** Makes the copy of its value that each reader is given; `undefined`: all share it. */
  readonly copy: Copier | undefined
}

/** An entry as it is kept: what is left of its life is reckoned when somebody asks. */
export class KeptEntry<T> implements Entry<T> {
  readonly value: T
  readonly absent: boolean
  readonly version: number | undefined
  readonly computeTime: number | undefined
  readonly stamp: Buffer | undefined
  /** What it was decoded by: a value is only for those who decode alike. */
  readonly format: Format<any>
  /** Until when it is kept, as `performance.now()` counts. */
  readonly until: number
  /** The groups of its value, once they have been asked for. */
  groups: readonly string[] | undefined
  readonly #dies: number
  readonly #copy: Copier | undefined

  /**
   * `since`: when the rest of its life began at the earliest. `ttl`: ms that it is kept at most.
   */
  constructor({ entry, format, life, copy }: Shareable, since: number, ttl: number) {
    const { value, absent, version, computeTime, stamp } = entry
    this.value = value as T
    this.absent = absent
    this.version = version
    this.computeTime = computeTime
    this.stamp = stamp && Buffer.from(stamp) // not a view of all that came with it
    this.format = format
    this.#dies = since + life
    this.until = since + Math.min(ttl, life)
    this.#copy = copy
  }

  get life(): number {
    return this.#dies - performance.now()
  }

  forReader(): Entry<T> {
    return this.#copy ? { ...this, life: this.life, value: this.#copy(this.value) } : this
  }
}
