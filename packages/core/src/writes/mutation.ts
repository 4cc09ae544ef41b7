import type { CacheClient } from '../client/client.js'
import { CacheError, CacheWriteError, InvalidOptionError } from '../errors.js'
import { channels, emit } from '../client/telemetry.js'
import { openWrite } from './source-write.js'

/**
 * A change of the source that outlives the call that began it, such as a database transaction.
 * While it is open nothing that is loaded is kept, and the old values live no longer than its
 * `intentTtl`.
 *
 * @example
 * await using change = await products.beginMutation(42)
 * await db.transaction(…)   // if it throws, the end of the block aborts the change
 * await change.commit()
 */
export interface Mutation extends AsyncDisposable {
  /**
   * Call it when the source has committed: drops the entries. Rejects with `CacheWriteError` if
   * Redis does not answer: the old values may be read for `intentTtl` at most. It may be called
   * again then, and drops them as soon as Redis answers.
   */
  commit(): Promise<void>
  /**
   * Call it when the source has rolled back, or when that is not known: drops the entries as well.
   * Never rejects. Done by `await using` unless committed.
   */
  abort(): Promise<void>
}

export interface MutationOptions {
  readonly keys: readonly string[]
  /** Ms that the change may take. */
  readonly intentTtl: number
  /** What else is to be done around the begin and the end. */
  readonly around?: <R>(work: () => Promise<R>) => Promise<R>
}

/**
 * Begins a change of the source of these entries. Rejects with `CacheUnavailableError` if Redis
 * does not answer. For packages of patterns.
 */
export async function openMutation(
  client: CacheClient,
  { keys, intentTtl, around = (work) => work() }: MutationOptions,
): Promise<Mutation> {
  const write = await around(() => openWrite(client, { keys, intentTtl }))
  return mutation({
    commit: () =>
      around(async () => {
        await write.end().catch((cause: unknown) => {
          throw new CacheWriteError(keys, undefined, intentTtl, cause)
        })
        emit(channels.invalidate, () => ({ keys }))
      }),
    abort: () => around(() => write.abort()),
  })
}

/**
 * One handle for changes of several caches, begun one after the other. If one can't begin, those
 * before it are aborted, and it rejects with the reason.
 *
 * @example
 * await using change = await beginMutations(() => products.beginMutation(42), () => lists.beginGroupMutation('category:7'))
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
  const abort = async (): Promise<void> => void (await Promise.all(open.map((one) => one.abort())))
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
      const ended = await Promise.allSettled(open.map((one) => one.commit()))
      for (const one of ended) if (one.status === 'rejected') throw one.reason
    },
    abort,
  })
}

/**
 * Ended in one way, and once: what is asked again gets the same answer. A commit that was rejected
 * is done again when it is asked again.
 */
export function mutation({
  commit,
  abort,
}: {
  readonly commit: () => Promise<void>
  readonly abort: () => Promise<void>
}): Mutation {
  let ended: { readonly by: 'commit' | 'abort'; done: Promise<void> | undefined } | undefined
  const end = (by: 'commit' | 'abort'): Promise<void> => {
    const ending = (ended ??= { by, done: undefined })
    return (ending.done ??= (by === 'commit' ? commit() : abort()).catch((error: unknown) => {
      ending.done = undefined
      throw error
    }))
  }
  return {
    async commit() {
      if (ended?.by === 'abort')
        throw new CacheError(
          'A change was committed that had been aborted. Its entries were dropped then, before the source committed: begin a new one.',
          { code: 'USAGE' },
        )
      await end('commit')
    },
    async abort() {
      if (ended?.by !== 'commit') await end('abort')
    },
    async [Symbol.asyncDispose]() {
      if (!ended) await end('abort')
    },
  }
}
