/**
 * How much longer a command may take. What it is held for while shards are changed does not count,
 * up to a bound.
 */
export class TimeLeft {
  #until: number | undefined
  #uncounted: number

  /** `until`: by `performance.now()`; `undefined`: as long as it takes. */
  constructor(until: number | undefined, uncounted = MAX_UNCOUNTED) {
    this.#until = until
    this.#uncounted = uncounted
  }

  /** Ms; 0 or less when its time is up. */
  get ms(): number | undefined {
    return this.#until === undefined ? undefined : this.#until - performance.now()
  }

  /** For commands that go on by themselves. */
  copy(): TimeLeft {
    return new TimeLeft(this.#until, this.#uncounted)
  }

  /**
   * What comes of something that a command waits for without having asked for it; `undefined` when
   * its time is up.
   */
  async held<T>(work: Promise<T>): Promise<T | undefined> {
    if (this.#until === undefined) return work
    const began = performance.now()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), this.#until! + this.#uncounted - began)
    })
    const result = await Promise.race([work, late]).finally(() => clearTimeout(timer))
    const uncounted = Math.min(performance.now() - began, this.#uncounted)
    this.#uncounted -= uncounted
    this.#until += uncounted
    return result
  }
}

/** Ms for which a command may be held longer than its sender waits for it. */
export const MAX_UNCOUNTED = 250
