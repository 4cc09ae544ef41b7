import type { CacheClient } from '../client/client.js'
import { limitTo } from '../util/concurrency.js'
import { CacheUnavailableError, CacheWriteError } from '../errors.js'
import { channels, emit } from '../client/telemetry.js'
import { requireFunction } from '../util/options.js'
import { createToken } from '../util/token.js'

/** One change of the source, which is announced before it starts and ended after (protocol.md). */
export interface SourceWrite<R> {
  /** The entries that the change affects. */
  readonly keys: readonly string[]
  /** The maximum duration of the change, in ms. */
  readonly intentTtl: number
  /** Announces the write. Default: `entries.beginWrite`. */
  readonly begin?: ((token: string) => Promise<unknown>) | undefined
  readonly change: () => R | Promise<R>
  /** Ends the write. Default: deletes the entries. */
  readonly commit?: ((token: string, result: R) => Promise<unknown>) | undefined
}

/** A write that has been announced. */
export interface OpenWrite {
  readonly token: string
  /**
   * Ends the write by deleting the entries. Rejects if Redis does not answer; then it is retried in
   * the background.
   */
  end(): Promise<void>
  /**
   * Ends the write like `end`, but never rejects. Use it if the caller waits for something else.
   * Errors are reported on `cache:error`.
   */
  abort(): Promise<void>
}

/**
 * Announces a change of the source. Rejects with `CacheUnavailableError` if Redis does not accept
 * it.
 */
export async function openWrite(
  { entries }: CacheClient,
  { keys, intentTtl, begin }: Pick<SourceWrite<unknown>, 'keys' | 'intentTtl' | 'begin'>,
): Promise<OpenWrite> {
  const token = createToken()
  await (begin ? begin(token) : entries.beginWrite(keys, token, intentTtl)).catch(
    (cause: unknown) => {
      throw new CacheUnavailableError(keys, cause)
    },
  )
  const limited = limitTo(entries.atOnce)
  const end = async (): Promise<void> =>
    void (await Promise.all(keys.map((key) => limited(() => entries.commitWrite(key, token)))))
  return {
    token,
    end,
    abort: () =>
      end().catch((error: unknown) =>
        emit(channels.error, () => ({ operation: 'abort write', key: keys[0]!, error })),
      ),
  }
}

/**
 * Changes the source and keeps the entries consistent: begins the write, calls `change`, ends the
 * write.
 *
 * Rejects with
 * - `InvalidOptionError` if `change` is not a function. Nothing was announced.
 * - `CacheUnavailableError` if Redis does not accept the beginning. Nothing was changed.
 * - the error of `change`, if it throws. The entries were deleted.
 * - `CacheWriteError` if Redis does not accept the end.
 */
export async function writeSource<R>(client: CacheClient, write: SourceWrite<R>): Promise<R> {
  const { keys, intentTtl, change, commit } = write
  requireFunction('change', change, 'a function that changes the source')
  const open = await openWrite(client, write)
  const result = await (async () => change())().catch(async (error: unknown) => {
    await open.abort()
    throw error
  })
  await (commit ? commit(open.token, result) : open.end()).catch((cause: unknown) => {
    throw new CacheWriteError(keys, result, intentTtl, cause)
  })
  emit(channels.invalidate, () => ({ keys }))
  return result
}
