import type { Entry, Format, NearValue } from '@cache/core/internal'
import type { Copier } from './copier.js'

/** A value that is ready to be cached. */
export interface CacheableValue extends NearValue {
  /** Copies the value for each reader; `undefined`: all readers share it. */
  readonly copy: Copier | undefined
}

/**
 * An entry in the near cache. Its remaining lifetime is computed at each read. There may be very
 * many of them, so that what few entries have is in a separate object.
 */
export class NearEntry<T> implements Entry<T> {
  readonly value: T
  /** The format that decoded the value. Only readers with the same format get it. */
  readonly format: Format<any>
  /**
   * Until when the entry is cached, by `performance.now()`. In whole milliseconds: V8 stores them
   * without an object of their own up to 2^31, which is 24 days after the start of the process.
   */
  readonly cachedUntil: number
  readonly #expiresAt: number
  #rest: Rest | undefined

  /**
   * @param since When the remaining lifetime began, at the earliest.
   * @param ttl Ms for which the entry is cached at most.
   */
  constructor({ entry, format, life, copy }: CacheableValue, since: number, ttl: number) {
    const { value, version, computeTime, stamp } = entry
    this.value = value as T
    this.format = format
    this.#expiresAt = Math.floor(since + life)
    this.cachedUntil = Math.floor(since + Math.min(ttl, life))
    const isPlain = (version ?? computeTime ?? stamp ?? copy) === undefined
    this.#rest = isPlain
      ? undefined
      : {
          version,
          computeTime,
          // A copy: the stamp is a view of the whole reply, which would be kept in memory with it.
          stamp: stamp && Buffer.from(stamp),
          copy,
        }
  }

  get absent(): boolean {
    return this.value === null || this.value === undefined
  }

  get version(): number | undefined {
    return this.#rest?.version
  }

  get computeTime(): number | undefined {
    return this.#rest?.computeTime
  }

  get stamp(): Buffer | undefined {
    return this.#rest?.stamp
  }

  /** Ms that the entry has left to live in Redis. */
  get life(): number {
    return this.#expiresAt - performance.now()
  }

  /** Returns the entry for a reader, with a copy of the value if it can't be shared. */
  forReader(): Entry<T> {
    const copy = this.#rest?.copy
    if (!copy) return this
    const { value, absent, version, computeTime, stamp, life } = this
    return { value: copy(value), absent, version, computeTime, stamp, life }
  }

  /** Returns the groups of the value. `groupsOf` is called once. */
  groups(groupsOf: (value: T) => readonly string[]): readonly string[] {
    const known = this.#rest?.groups
    if (known) return known
    const groups = groupsOf(this.value)
    this.#rest = { ...this.#rest, groups }
    return groups
  }
}

/** What most entries do not have. */
interface Rest {
  readonly version?: number | undefined
  readonly computeTime?: number | undefined
  readonly stamp?: Buffer | undefined
  readonly copy?: Copier | undefined
  readonly groups?: readonly string[]
}
