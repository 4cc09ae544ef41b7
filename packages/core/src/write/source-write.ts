import type { CacheClient } from '../client.js'
import { CacheUnavailableError, CacheWriteError } from '../errors.js'
import { channels, tell } from '../telemetry.js'
import { createToken } from '../token.js'

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

/**
 * Begins the write, changes the source, ends the write. Rejects with `CacheUnavailableError`, nothing changed, if Redis does not take
 * the beginning; with the error of `change`, the entries dropped; with `CacheWriteError` if Redis does not take the end.
 */
export async function writeSource<R>({ entries }: CacheClient, { keys, intentTtl, begin, change, commit }: SourceWrite<R>): Promise<R> {
  const token = createToken()
  const drop = (): Promise<unknown> => Promise.all(keys.map((key) => entries.commitWrite(key, token)))
  const giveUp = (error: unknown): void => tell(channels.error, () => ({ operation: 'abort write', key: keys[0]!, error }))
  await (begin ? begin(token) : entries.beginWrite(keys, token, intentTtl)).catch((cause: unknown) => {
    throw new CacheUnavailableError(keys, cause)
  })
  const result = await (async () => change())().catch(async (error: unknown) => {
    await drop().catch(giveUp)
    throw error
  })
  await (commit ? commit(token, result) : drop()).catch((cause: unknown) => { throw new CacheWriteError(keys, result, intentTtl, cause) })
  tell(channels.invalidate, () => ({ keys }))
  return result
}
