import type { CacheClient } from '../client/client.js'
import { limitTo } from '../util/concurrency.js'
import { CacheUnavailableError, CacheWriteError } from '../errors.js'
import { channels, emit } from '../client/telemetry.js'
import { createToken } from '../util/token.js'

/** One change of the source, announced before and ended after (protocol.md). */
export interface SourceWrite<R> {
  /** The entries it concerns. */
  readonly keys: readonly string[]
  /** Ms that the change may take. */
  readonly intentTtl: number
  /** Announces it; default: `entries.beginWrite`. */
  readonly begin?: ((token: string) => Promise<unknown>) | undefined
  readonly change: () => R | Promise<R>
  /** Ends the write; where it is missing, the entries are dropped. */
  readonly commit?: ((token: string, result: R) => Promise<unknown>) | undefined
}

/** A write that has been announced. */
export interface OpenWrite {
  readonly token: string
  /**
   * Ends it: the entries are dropped. Rejects if Redis does not answer; then it is gone on with in
   * the background.
   */
  end(): Promise<void>
  /**
   * As `end`, where that is not what the caller waits for: what goes wrong is reported on
   * `cache:error`.
   */
  abort(): Promise<void>
}

/**
 * Announces a change of the source. Rejects with `CacheUnavailableError` if Redis does not take it.
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
 * Begins the write, changes the source, ends the write. Rejects with `CacheUnavailableError`,
 * nothing changed, if Redis does not take the beginning; with the error of `change`, the entries
 * dropped; with `CacheWriteError` if Redis does not take the end.
 */
export async function writeSource<R>(client: CacheClient, write: SourceWrite<R>): Promise<R> {
  const { keys, intentTtl, change, commit } = write
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
