/** A cached value, or the cached fact that the source has none. */
export interface Entry<T> {
  readonly value: T
  /**
   * The source has no value. `value` is then the `null` or `undefined` that the loader returned.
   */
  readonly absent: boolean
  /**
   * The remaining life in ms, if the step read it. Infinite for an entry that does not expire.
   */
  readonly life?: number | undefined
  readonly version: number | undefined
  /** How long the loader took, in ms, if that was stored. */
  readonly computeTime: number | undefined
  /** What a pattern stored with the entry to check later whether it is still valid. */
  readonly stamp?: Buffer | undefined
}
