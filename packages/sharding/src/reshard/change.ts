import type { CacheError } from '@cache/core'
import type { Layout } from '../layout.js'
import type { Mover } from './mover.js'

/** When to change, by this process' `performance.now()`: somewhere between the two. */
export interface Moment {
  readonly earliest: number
  readonly latest: number
}

/**
 * From one layout to another, in all processes at one moment. Each knows the moment up to a bound,
 * so: nobody relies on a reply from an old place that comes after it may have been, and nobody uses
 * a new place before it has surely been. In between, and a little before so that what is under way
 * comes home, commands wait that concern a key whose place changes.
 */
export class Change {
  readonly from: Layout
  readonly to: Layout
  readonly #mover: Mover
  #moment: Moment | undefined
  /** Everything waits until it is known when the moment is: it may have been. */
  #held = false
  #heldFor: NodeJS.Timeout | undefined
  #next: Promise<true> | undefined
  #wake: () => void = () => undefined
  #given = false

  constructor(from: Layout, to: Layout, mover: Mover) {
    this.from = from
    this.to = to
    this.#mover = mover
  }

  set moment(moment: Moment) {
    this.#moment = moment
    this.release()
  }

  get moment(): Moment | undefined {
    return this.#moment
  }

  /** Its place changes. */
  concerns(key: string): boolean {
    return this.from.shardOf(key).name !== this.to.shardOf(key).name
  }

  concernsAny(keys: readonly string[]): boolean {
    return keys.some((key) => this.concerns(key))
  }

  /** The old places are still used. */
  isBefore(): boolean {
    return (
      this.#given ||
      (!this.#held &&
        (this.#moment === undefined || performance.now() < this.#moment.earliest - HOLD))
    )
  }

  /** The new places are used. */
  isSwitched(): boolean {
    return !this.#given && this.#moment !== undefined && performance.now() >= this.#moment.latest
  }

  /** What an old place answers now about one of these keys proves nothing. */
  isTooLateFor(keys: readonly string[]): boolean {
    return (
      this.#moment !== undefined &&
      performance.now() >= this.#moment.earliest &&
      this.concernsAny(keys)
    )
  }

  /** Resolves when it is worth looking again. */
  next(): Promise<true> {
    return (this.#next ??= new Promise((resolve) => {
      this.#wake = () => resolve(true)
    }))
  }

  wake(): void {
    this.#next = undefined
    this.#wake()
  }

  /**
   * Nothing is sent to the old places until it is known when the moment is; for so many ms at most.
   */
  hold(most?: number): void {
    clearTimeout(this.#heldFor)
    this.#held = true
    if (most !== undefined) this.#heldFor = setTimeout(() => this.release(), most)
  }

  /** The moment has not been, as is known now. */
  release(): void {
    clearTimeout(this.#heldFor)
    this.#held = false
    this.wake()
  }

  /** It does not come about: everything goes on in the old places. */
  giveUp(): void {
    this.#given = true
    this.release()
  }

  /** Sees to it that keys are in their new place. Answers with what went wrong, by key. */
  move(keys: readonly string[]): Promise<ReadonlyMap<string, CacheError>> {
    return this.#mover.move(keys.filter((key) => this.concerns(key)))
  }
}

/** Ms before the moment in which nothing is sent to an old place any more. */
export const HOLD = 50
