import { CacheUnavailableError, CacheWriteError } from '@cache/core'
import type { BypassedWrites } from './bypassed-writes.js'

/** A write that may have to do without Redis. */
interface BypassableWrite<R> {
  readonly keys: readonly string[]
  /** Remembers the writes without Redis; `undefined` if there must be none. */
  readonly bypassed: BypassedWrites | undefined
  /** Changes the source only. */
  readonly change: () => R | Promise<R>
  /** Changes the source and the cache. */
  readonly withRedis: () => Promise<R>
}

/** Runs `withRedis`, or with `bypassed` only `change` while Redis is down. */
export async function writeOrBypass<R>({
  keys,
  bypassed,
  change,
  withRedis,
}: BypassableWrite<R>): Promise<R> {
  try {
    return await withRedis()
  } catch (error) {
    if (!bypassed || bypassed.isFull) throw error
    if (error instanceof CacheWriteError) {
      keys.forEach((key) => bypassed.add(key))
      return error.result as R
    }
    if (!(error instanceof CacheUnavailableError)) throw error
    try {
      return await change()
    } finally {
      // Also if the change throws: it may have committed before.
      keys.forEach((key) => bypassed.add(key))
    }
  }
}
