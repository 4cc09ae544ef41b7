import { setTimeout as sleep } from 'node:timers/promises'

/** Options of `eventually`. */
export interface EventuallyOptions {
  /** The timeout in milliseconds. The default is 10,000. */
  readonly within?: number
  /** The number of milliseconds between two checks. The default is 20. */
  readonly every?: number
}

/**
 * Waits until `check` returns a truthy value, and returns that value. A check that throws or
 * returns a falsy value is repeated until the deadline. A check without a return value does not
 * compile, because it would never become truthy.
 *
 * @throws {Error} when no check succeeded before the deadline. The message describes the result of
 * the last check. If that check threw, its error is the `cause`.
 * @example
 * await eventually(() => seen.includes('invalidate'))
 * const isPrimary = async () => (await replica.cli('ROLE')).startsWith('master')
 * await eventually(isPrimary, { within: 5_000 })
 */
export async function eventually<T extends {} | null | undefined>(
  check: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Truthy<T>> {
  const { within = 10_000, every = 20 } = options
  const deadline = performance.now() + within
  let lastFailure: Failure | undefined
  for (;;) {
    const outcome = await attempt(check, deadline)
    if ('value' in outcome) return outcome.value
    if (lastFailure === undefined || !outcome.timedOut) lastFailure = outcome
    if (performance.now() >= deadline) throw timeoutError(lastFailure, within)
    await sleep(every)
  }
}

export type Truthy<T> = Exclude<T, null | undefined | false | 0 | ''>

interface Failure {
  readonly description: string
  readonly cause?: unknown
  /** Set if the deadline ended the check. The failure of the check before it is more useful. */
  readonly timedOut?: boolean
}

/** Runs one check. The deadline ends a check that hangs. */
async function attempt<T>(
  check: () => T | Promise<T>,
  deadline: number,
): Promise<{ readonly value: Truthy<T> } | Failure> {
  const finished = new AbortController()
  try {
    return await Promise.race([
      Promise.resolve(check()).then(toOutcome),
      sleep(
        Math.max(1, deadline - performance.now()),
        { description: 'had not returned yet', timedOut: true },
        { signal: finished.signal },
      ),
    ])
  } catch (error) {
    return {
      description: `threw: ${error instanceof Error ? error.message : String(error)}`,
      cause: error,
    }
  } finally {
    finished.abort()
  }
}

function toOutcome<T>(value: T): { readonly value: Truthy<T> } | Failure {
  return value
    ? { value: value as Truthy<T> }
    : { description: `returned ${JSON.stringify(value) ?? String(value)}` }
}

function timeoutError({ description, cause }: Failure, within: number): Error {
  return new Error(`The condition was not met within ${within} ms: the last check ${description}`, {
    cause,
  })
}
