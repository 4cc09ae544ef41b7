export interface BackoffOptions {
  /** The first pause, in milliseconds. */
  readonly first: number
  /** The longest pause. Default: none. */
  readonly max?: number
  /** By how much each further pause is longer. Default: 2. */
  readonly factor?: number
  /**
   * The share of a pause, from 0 to 1, by which it is shortened at random at most. Default: 0. Use
   * it where many callers retry, so that they do not all come at once.
   */
  readonly jitter?: number
}

/**
 * Returns the pause in milliseconds after so many failures in a row (exponential backoff).
 *
 * Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 * @example backoff(3, { first: 100, max: 30_000 }) // 400
 */
export function backoff(
  failures: number,
  { first, max = Infinity, factor = 2, jitter = 0 }: BackoffOptions,
): number {
  return Math.min(max, first * factor ** (failures - 1)) * (1 - jitter * Math.random())
}

/** Counts failures in a row, for `backoff`. */
export class Backoff {
  readonly #options: BackoffOptions
  #failures = 0

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** Counts a failure and returns the pause that follows it, in milliseconds. */
  next(): number {
    return backoff(++this.#failures, this.#options)
  }

  /** Begins anew, after a success. */
  reset(): void {
    this.#failures = 0
  }
}
