import type { CacheError } from '@cache/core'
import { timerDelay } from '@cache/core/internal'
import type { Layout } from '../layout.js'
import type { KeyMover } from './key-mover.js'

/**
 * The time at which all processes switch to the new layout, by this process' `performance.now()`.
 * The true time lies between the two.
 */
export interface SwitchTime {
  readonly earliest: number
  readonly latest: number
}

/**
 * A change from one layout to another, which all processes make at the same time. Each process
 * knows the switch time up to an error bound. Therefore:
 *
 * - No process relies on a reply from an old shard that arrives after the earliest switch time.
 * - No process uses a new shard before the latest switch time.
 * - In between, commands for keys that move wait. They start to wait a little earlier, so that the
 *   commands in flight are answered in time.
 */
export class ShardChange {
  readonly from: Layout
  readonly to: Layout
  #mover: KeyMover | undefined
  #switchTime: SwitchTime | undefined
  /** Commands for moving keys wait, because the switch time is unknown and may have passed. */
  #held = false
  #holdTimer: NodeJS.Timeout | undefined
  #nextState: Promise<true> | undefined
  #resolveNextState: () => void = () => undefined
  #cancelled = false

  constructor(from: Layout, to: Layout) {
    this.from = from
    this.to = to
  }

  /** The switch time; `undefined` until it is known. */
  get switchTime(): SwitchTime | undefined {
    return this.#switchTime
  }

  /** Sets or corrects the switch time, and releases the commands that waited for it. */
  switchAt(switchTime: SwitchTime): void {
    this.#switchTime = switchTime
    this.release()
  }

  /** Sets the mover of keys. Call it before the switch: keys can't be moved without a mover. */
  moveWith(mover: KeyMover): void {
    this.#mover = mover
  }

  /** Whether the change moves a key to another shard. */
  moves(key: string): boolean {
    return this.from.shardOf(key).name !== this.to.shardOf(key).name
  }

  /** Whether the change moves any of these keys to another shard. */
  movesAny(keys: readonly string[]): boolean {
    return keys.some((key) => this.moves(key))
  }

  /** Whether commands for moving keys may still be sent to the old shards. */
  usesOldShards(): boolean {
    return (
      this.#cancelled ||
      (!this.#held &&
        (this.#switchTime === undefined ||
          performance.now() < this.#switchTime.earliest - HOLD_BEFORE_SWITCH))
    )
  }

  /** Whether commands for moving keys may be sent to the new shards. */
  usesNewShards(): boolean {
    return (
      !this.#cancelled &&
      this.#switchTime !== undefined &&
      performance.now() >= this.#switchTime.latest
    )
  }

  /** Whether a reply that an old shard gives now about these keys can no longer be relied on. */
  isReplyTooLate(keys: readonly string[]): boolean {
    return (
      this.#switchTime !== undefined &&
      performance.now() >= this.#switchTime.earliest &&
      this.movesAny(keys)
    )
  }

  /** Resolves at the next change of state; then the caller decides again what to do. */
  nextState(): Promise<true> {
    return (this.#nextState ??= new Promise((resolve) => {
      this.#resolveNextState = () => resolve(true)
    }))
  }

  /** Lets all callers that wait for the next state decide again. */
  wake(): void {
    this.#nextState = undefined
    this.#resolveNextState()
  }

  /**
   * Holds commands for moving keys until the switch time is known, or for at most `maxMs`. Nothing
   * is sent to the old shards meanwhile.
   */
  hold(maxMs?: number): void {
    clearTimeout(this.#holdTimer)
    this.#held = true
    if (maxMs !== undefined) this.#holdTimer = setTimeout(() => this.release(), timerDelay(maxMs))
  }

  /** Releases held commands. Call it when it is known that the switch has not happened yet. */
  release(): void {
    clearTimeout(this.#holdTimer)
    this.#held = false
    this.wake()
  }

  /** Cancels the change: all keys stay on the old shards. */
  cancel(): void {
    this.#cancelled = true
    this.release()
  }

  /**
   * Moves those of these keys that change shards and have not been moved yet. Resolves with the
   * errors by key.
   */
  moveKeys(keys: readonly string[]): Promise<ReadonlyMap<string, CacheError>> {
    return this.#mover!.move(keys.filter((key) => this.moves(key)))
  }
}

/** Ms before the switch in which nothing is sent to an old shard for a key that moves. */
export const HOLD_BEFORE_SWITCH = 50
