import { timerDelay } from '@cache/core/internal'
/**
 * The deadline of a command. Time for which the command waits while shards change does not count,
 * up to a bound.
 */
export class CommandDeadline {
  #deadline: number | undefined
  #uncountedLeft: number

  /** @param deadline By `performance.now()`; `undefined`: the command has no deadline. */
  constructor(deadline: number | undefined, uncountedLeft = MAX_UNCOUNTED) {
    this.#deadline = deadline
    this.#uncountedLeft = uncountedLeft
  }

  /** Ms until the deadline; 0 or less when it has passed, `undefined` without a deadline. */
  get remaining(): number | undefined {
    return this.#deadline === undefined ? undefined : this.#deadline - performance.now()
  }

  /** Returns a copy, for commands that continue on their own. */
  copy(): CommandDeadline {
    return new CommandDeadline(this.#deadline, this.#uncountedLeft)
  }

  /**
   * Waits for work that the command did not ask for. Resolves with its result, or with `undefined`
   * when the deadline and the uncounted time have passed.
   */
  async waitUncounted<T>(work: Promise<T>): Promise<T | undefined> {
    if (this.#deadline === undefined) return work
    const startedAt = performance.now()
    let timer: NodeJS.Timeout | undefined
    const timedOut = new Promise<undefined>((resolve) => {
      timer = setTimeout(
        () => resolve(undefined),
        timerDelay(this.#deadline! + this.#uncountedLeft - startedAt),
      )
    })
    const result = await Promise.race([work, timedOut]).finally(() => clearTimeout(timer))
    const uncounted = Math.min(performance.now() - startedAt, this.#uncountedLeft)
    this.#uncountedLeft -= uncounted
    this.#deadline += uncounted
    return result
  }
}

/** Ms for which a command may wait in addition to its timeout. */
const MAX_UNCOUNTED = 250
