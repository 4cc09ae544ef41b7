/** What was read: a value, or the remembered fact that there is none. */
export interface Entry<T> {
  readonly value: T
  /**
   * The source was asked and has none; `value` is then the `null` or `undefined` that the loader
   * answered with.
   */
  readonly absent: boolean
  /**
   * Ms it has left to live, where that was asked for or came along; infinite for an entry that does
   * not expire.
   */
  readonly life?: number | undefined
  readonly version: number | undefined
  /** How long its loader took, in ms, where that was kept. */
  readonly computeTime: number | undefined
  /** What its pattern stored with it, to know whether it is still right. */
  readonly stamp?: Buffer | undefined
}
