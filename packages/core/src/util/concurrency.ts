import { chunks } from '../client/batch/batched-command.js'
import { CacheError } from '../errors.js'
import { Slices } from './slices.js'

/** Limits for jobs that wait. */
export interface Waiting {
  /** The number of jobs that may wait. Further jobs are refused. Default: no limit. */
  readonly most?: number
  /**
   * Milliseconds that a job may wait. A job that has waited longer is refused when its turn comes.
   * Default: no limit.
   */
  readonly within?: number
}

/**
 * Returns a function that runs jobs in the order in which they are given, at most `most` at once. A
 * job that may not wait, or has waited for too long, is not run: its promise rejects with a
 * `CacheError` (`OVERLOADED`).
 *
 * @example
 * const write = limitTo(8, { most: 1_000, within: 5_000 })
 * await write(() => update(row))
 */
export function limitTo(
  most: number,
  { most: mostWaiting = Infinity, within = Infinity }: Waiting = {},
): <R>(job: () => R | Promise<R>) => Promise<R> {
  // `shift` would copy the whole array, which may be long.
  let waiting: (() => void)[] = []
  let next = 0
  let running = 0
  const startNext = (): void => {
    waiting[next++]?.()
    if (next < waiting.length && next < 1_000) return
    waiting = waiting.slice(next)
    next = 0
  }
  return async (job) => {
    const requestedAt = performance.now()
    if (running >= most) {
      if (waiting.length - next >= mostWaiting)
        throw overloaded(`${waiting.length - next} other jobs are already waiting`)
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    running++
    try {
      if (performance.now() - requestedAt > within)
        throw overloaded(`it has waited for more than ${within} ms`)
      return await job()
    } finally {
      running--
      startNext()
    }
  }
}

/**
 * Runs a step for each item, and resolves to the results in the order of the items. At most `most`
 * steps run at once, so that there is room for other calls, and the event loop can serve others in
 * between. Rejects with the first error; no further steps are started then.
 *
 * @example const versions = await mapAtOnce(keys, client.entries.atOnce, (key) => read(key))
 */
export async function mapAtOnce<I, R>(
  items: readonly I[],
  most: number,
  step: (item: I) => Promise<R>,
): Promise<R[]> {
  if (items.length <= most) return Promise.all(items.map((item) => step(item)))
  const results: R[] = []
  const slices = new Slices()
  for (const part of chunks(items, most)) {
    if (slices.over) await slices.next()
    results.push(...(await Promise.all(part.map((item) => step(item)))))
  }
  return results
}

function overloaded(reason: string): CacheError {
  return new CacheError(`Nothing was done: ${reason}. Try again later, or allow more at once.`, {
    code: 'OVERLOADED',
  })
}
