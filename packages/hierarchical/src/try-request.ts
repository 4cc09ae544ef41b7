import { CommandTimeoutError, ConnectionError, channels } from '@cache/core'
import { emit, type ReadOutage } from '@cache/core/internal'

/** What a request to Redis belongs to. */
export interface RequestContext {
  /** The prefix of the groups that it reads or writes. Errors are reported with it. */
  readonly prefix: string
  /** The outage state of the call that it is part of. */
  readonly outage: ReadOutage | undefined
}

/**
 * Runs a request to Redis. Returns `undefined` if Redis does not answer, so that the source does.
 * Does not run it if Redis has failed to answer this call before.
 */
export async function tryRequest<R>(
  { prefix, outage }: RequestContext,
  request: () => Promise<R>,
): Promise<R | undefined> {
  if (outage?.down) return undefined
  try {
    return await request()
  } catch (error) {
    if (outage && (error instanceof ConnectionError || error instanceof CommandTimeoutError))
      outage.down = true
    emit(channels.error, () => ({ operation: 'group', key: prefix, error }))
    return undefined
  }
}
