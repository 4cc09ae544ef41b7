import type { Entry, Format, NearValue } from '@cache/core/internal'
import type { Copier } from './copier.js'

/** A value that is ready to be cached. */
export interface CacheableValue extends NearValue {
  /** Copies the value for each reader; `undefined`: all readers share it. */
  readonly copy: Copier | undefined
}

/** An entry in the near cache. Its remaining lifetime is computed at each read. */
export class NearEntry<T> implements Entry<T> {
  readonly value: T
  readonly absent: boolean
  readonly version: number | undefined
  readonly computeTime: number | undefined
  readonly stamp: Buffer | undefined
  /** The format that decoded the value. Only readers with the same format get it. */
  readonly format: Format<any>
  /** Until when the entry is cached, by `performance.now()`. */
  readonly cachedUntil: number
  readonly #expiresAt: number
  readonly #copy: Copier | undefined
  #groups: readonly string[] | undefined

  /**
   * @param since When the remaining lifetime began, at the earliest.
   * @param ttl Ms for which the entry is cached at most.
   */
  constructor({ entry, format, life, copy }: CacheableValue, since: number, ttl: number) {
    const { value, absent, version, computeTime, stamp } = entry
    this.value = value as T
    this.absent = absent
    this.version = version
    this.computeTime = computeTime
    // A copy: the stamp is a view of the whole reply, which would be kept in memory with it.
    this.stamp = stamp && Buffer.from(stamp)
    this.format = format
    this.#expiresAt = since + life
    this.cachedUntil = since + Math.min(ttl, life)
    this.#copy = copy
  }

  /** Ms that the entry has left to live in Redis. */
  get life(): number {
    return this.#expiresAt - performance.now()
  }

  /** Returns the entry for a reader, with a copy of the value if it can't be shared. */
  forReader(): Entry<T> {
    return this.#copy ? { ...this, life: this.life, value: this.#copy(this.value) } : this
  }

  /** Returns the groups of the value. `groupsOf` is called once. */
  groups(groupsOf: (value: T) => readonly string[]): readonly string[] {
    return (this.#groups ??= groupsOf(this.value))
  }
}
