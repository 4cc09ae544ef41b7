import type { CacheClient } from '../client/client.js'
import { CacheWriteError, InvalidOptionError, UsageError } from '../errors.js'
import { channels, emit } from '../client/telemetry.js'
import { parseDuration, type Duration } from '../util/duration.js'
import { openWrite } from './source-write.js'

/**
 * A change of the source that outlives the call that began it, such as a database transaction.
 *
 * While it is open, loaded values are not cached, and the old values live no longer than its
 * `intentTtl`.
 *
 * @example
 * await using change = await products.beginMutation(42)
 * await db.transaction(…)   // if it throws, the end of the block aborts the change
 * await change.commit()
 */
export interface Mutation extends AsyncDisposable {
  /**
   * Deletes the entries. Call it when the source has committed. Rejects with `CacheWriteError` if
   * Redis does not answer: the old values may be read for at most `intentTtl`. Then you may call it
   * again, and the entries are deleted as soon as Redis answers.
   */
  commit(): Promise<void>
  /**
   * Deletes the entries as well. Call it when the source has rolled back, or when you do not know
   * whether it has. Never rejects. `await using` calls it unless you have committed.
   */
  abort(): Promise<void>
}

/** Options of one change. */
export interface MutationOptions {
  /**
   * How long the change may take. If its process dies, the old values are read for at most this
   * long. Default: the `intentTtl` of the cache.
   */
  readonly intentTtl?: Duration
}

interface MutationRequest {
  readonly keys: readonly string[]
  /** The `intentTtl` of the cache, in ms. */
  readonly intentTtl: number
  /** What the caller of `beginMutation` passed. */
  readonly options: MutationOptions | undefined
  /** Wraps the beginning and the end, to do further work around them. */
  readonly around?: <R>(work: () => Promise<R>, step: 'begin' | 'commit' | 'abort') => Promise<R>
}

/**
 * Begins a change of the source of these entries. Rejects with `CacheUnavailableError` if Redis
 * does not answer. For packages of patterns.
 */
export async function openMutation(
  client: CacheClient,
  { keys, intentTtl: defaultTtl, options, around = (work) => work() }: MutationRequest,
): Promise<Mutation> {
  const intentTtl =
    options?.intentTtl === undefined ? defaultTtl : parseDuration(options.intentTtl, 'intentTtl')
  const write = await around(() => openWrite(client, { keys, intentTtl }), 'begin')
  return mutation({
    commit: () =>
      around(async () => {
        await write.end().catch((cause: unknown) => {
          throw new CacheWriteError(keys, undefined, intentTtl, cause)
        })
        emit(channels.invalidate, () => ({ keys }))
      }, 'commit'),
    abort: () => around(() => write.abort(), 'abort'),
  })
}

/**
 * Begins changes of several caches, one after the other, and returns one handle for all of them. If
 * one can't begin, those before it are aborted, and the call rejects with the reason.
 *
 * @example
 * await using change = await beginMutations(
 *   () => products.beginMutation(42),
 *   () => lists.beginGroupMutation('category:7'),
 * )
 */
export async function beginMutations(
  ...begins: readonly (() => Promise<Mutation>)[]
): Promise<Mutation> {
  if (!begins.every((begin) => typeof begin === 'function')) {
    throw new InvalidOptionError(
      'begins',
      'functions that begin a change: () => cache.beginMutation(…)',
      begins,
    )
  }
  const open: Mutation[] = []
  const abort = async (): Promise<void> =>
    void (await Promise.all(open.map((change) => change.abort())))
  for (const begin of begins) {
    try {
      open.push(await begin())
    } catch (error) {
      await abort()
      throw error
    }
  }
  return mutation({
    async commit() {
      const results = await Promise.allSettled(open.map((change) => change.commit()))
      for (const result of results) if (result.status === 'rejected') throw result.reason
    },
    abort,
  })
}

/**
 * Creates a mutation from its two ends. It ends once, with a commit or an abort; further calls get
 * the same result. A commit that was rejected runs again when it is called again.
 */
export function mutation({
  commit,
  abort,
}: {
  readonly commit: () => Promise<void>
  readonly abort: () => Promise<void>
}): Mutation {
  let end: { readonly by: 'commit' | 'abort'; done: Promise<void> | undefined } | undefined
  const endBy = (by: 'commit' | 'abort'): Promise<void> => {
    const ending = (end ??= { by, done: undefined })
    return (ending.done ??= (by === 'commit' ? commit() : abort()).catch((error: unknown) => {
      ending.done = undefined
      throw error
    }))
  }
  return {
    async commit() {
      if (end?.by === 'abort')
        throw new UsageError(
          'commit() was called on a change that had been aborted. ' +
            'Its entries were deleted before the source committed. Begin a new change.',
        )
      await endBy('commit')
    },
    async abort() {
      if (end?.by !== 'commit') await endBy('abort')
    },
    async [Symbol.asyncDispose]() {
      if (!end) await endBy('abort')
    },
  }
}
