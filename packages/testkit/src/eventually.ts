import { setTimeout as sleep } from 'node:timers/promises'

export interface Patience {
  /** Milliseconds until it gives up; 10,000 where it is missing. */
  readonly within?: number
  /** Milliseconds between two checks; 20 where it is missing. */
  readonly every?: number
}

/**
 * Waits until `check` answers something truthy, and returns it. A check that throws, or answers
 * something falsy, is tried again until the deadline; the last failure is then the `cause` of the
 * error. A check that returns nothing does not compile: it would never hold.
 *
 * @throws {Error} when the check never held; its message tells what the last one said.
 * @example
 * await eventually(() => seen.includes('invalidate'))
 * const role = await eventually(async () => (await replica.cli('ROLE')).startsWith('master'), { within: 5_000 })
 */
export async function eventually<T extends {} | null | undefined>(
  check: () => T | Promise<T>,
  patience: Patience = {},
): Promise<Truthy<T>> {
  const { within = 10_000, every = 20 } = patience
  const deadline = performance.now() + within
  let last: Failure | undefined
  for (;;) {
    const outcome = await attempt(check, deadline)
    if ('value' in outcome) return outcome.value
    if (last === undefined || !outcome.hung) last = outcome
    if (performance.now() >= deadline) throw failure(last, within)
    await sleep(every)
  }
}

export type Truthy<T> = Exclude<T, null | undefined | false | 0 | ''>

interface Failure {
  readonly said: string
  readonly cause?: unknown
  /** The deadline ended the check: the one before it has more to tell. */
  readonly hung?: boolean
}

/** One check, which may itself hang: the deadline ends it. */
async function attempt<T>(
  check: () => T | Promise<T>,
  deadline: number,
): Promise<{ readonly value: Truthy<T> } | Failure> {
  const over = new AbortController()
  try {
    return await Promise.race([
      Promise.resolve(check()).then(judge),
      sleep(
        Math.max(1, deadline - performance.now()),
        { said: 'had not answered yet', hung: true },
        { signal: over.signal },
      ),
    ])
  } catch (error) {
    return {
      said: `threw: ${error instanceof Error ? error.message : String(error)}`,
      cause: error,
    }
  } finally {
    over.abort()
  }
}

function judge<T>(value: T): { readonly value: Truthy<T> } | Failure {
  return value
    ? { value: value as Truthy<T> }
    : { said: `answered ${JSON.stringify(value) ?? String(value)}` }
}

function failure({ said, cause }: Failure, within: number): Error {
  return new Error(
    `What was waited for did not happen within ${within} ms: the last check ${said}`,
    { cause },
  )
}
