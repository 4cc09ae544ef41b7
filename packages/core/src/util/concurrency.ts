import { chunks } from '../client/batch/batched-command.js'
import { CacheError } from '../errors.js'
import { Slices } from './slices.js'

export interface Waiting {
  /** Jobs that may wait; one more is refused. Default: any number. */
  readonly most?: number
  /**
   * Milliseconds after which a job that still waits is refused when its turn comes. Default: never.
   */
  readonly within?: number
}

/**
 * Runs jobs, at most `most` at once, in the order asked. A job that may not wait, or has waited for
 * too long, is not run: its promise rejects with a `CacheError` (`OVERLOADED`).
 *
 * @example
 * const write = limitTo(8, { most: 1_000, within: 5_000 })
 * await write(() => update(row))
 */
export function limitTo(
  most: number,
  { most: mostWaiting = Infinity, within = Infinity }: Waiting = {},
): <R>(job: () => R | Promise<R>) => Promise<R> {
  // `shift` of a long array would copy all of it.
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
    const asked = performance.now()
    if (running >= most) {
      if (waiting.length - next >= mostWaiting)
        throw overloaded(`${waiting.length - next} others wait already`)
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    running++
    try {
      if (performance.now() - asked > within)
        throw overloaded(`it has waited for more than ${within} ms`)
      return await job()
    } finally {
      running--
      startNext()
    }
  }
}

/**
 * The results of one step for each item, in their order: at most `most` of them at once, so that
 * there is room for other calls, and the event loop serves others in between. Rejects with the
 * first error; then no further steps are begun.
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

function overloaded(why: string): CacheError {
  return new CacheError(`Nothing was done: ${why}. Ask again later, or allow more at once.`, {
    code: 'OVERLOADED',
  })
}
