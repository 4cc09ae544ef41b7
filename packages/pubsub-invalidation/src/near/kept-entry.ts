import type { Entry, Format } from '@cache/core'

/** An entry as it is kept: what is left of its life is reckoned when somebody asks. */
export class KeptEntry<T> implements Entry<T> {
  readonly value: T
  readonly absent: boolean
  readonly version: number | undefined
  readonly computeTime: number | undefined
  readonly stamp: Buffer | undefined
  /** What it was decoded by: a value is only for those who decode alike. */
  readonly format: Format<any>
  readonly #until: number

  constructor({ value, absent, version, computeTime, stamp }: Entry<T>, format: Format<any>, life: number) {
    this.value = value
    this.absent = absent
    this.version = version
    this.computeTime = computeTime
    this.stamp = stamp && Buffer.from(stamp) // not a view of all that came with it
    this.format = format
    this.#until = performance.now() + life
  }

  get life(): number {
    return this.#until - performance.now()
  }

  copy(): KeptEntry<T> {
    return new KeptEntry({ ...this, value: structuredClone(this.value) }, this.format, this.life)
  }
}
