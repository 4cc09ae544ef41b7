import { CodecError, channels, limitTo, type CacheClient } from '@cache/core'
import {
  emit,
  hasEpoch,
  withEpoch,
  writeSource,
  type Entry,
  type LoadPolicy,
  type ReadPath,
  type SourceWrite,
} from '@cache/core/internal'
import type { BypassedWrites } from './bypassed-writes.js'
import type { Stored } from './types.js'
import { writeOrBypass } from './write-or-bypass.js'

interface Dependencies<T> {
  readonly client: CacheClient
  readonly path: ReadPath<T>
  readonly policy: LoadPolicy<T>
  /** The maximum duration of a change of the source, in ms. */
  readonly intentTtl: number
  /** Remembers the writes without Redis; `undefined` if there must be none. */
  readonly bypassed: BypassedWrites | undefined
}

/** Changes rows of the source, and caches them. */
export class RowWriter<T> {
  readonly #dependencies: Dependencies<T>
  readonly #limitCommits: ReturnType<typeof limitTo>

  constructor(dependencies: Dependencies<T>) {
    this.#dependencies = dependencies
    this.#limitCommits = limitTo(dependencies.client.entries.atOnce)
  }

  /**
   * Changes one row of the source with `change`, and caches the row that `change` answers with, or
   * else the merged row.
   */
  async write<R extends Stored<T>>(
    key: string,
    change: () => R | Promise<R>,
    mergeInto?: (current: T) => T,
  ): Promise<R | T | undefined> {
    const { client, intentTtl, policy } = this.#dependencies
    const { entries } = client
    let current: Entry<T> | undefined
    let epoch: string | undefined
    let merged = false
    let outcome: Outcome | undefined
    const row = await this.#changeSource<R | T>([key], change, {
      begin: async (token) => {
        if (!mergeInto)
          return void (epoch = await this.#epochBeside(entries.beginWrite([key], token, intentTtl)))
        const reading = entries.beginUpdate(key, policy.format, token, intentTtl)
        epoch = await this.#epochBeside(reading)
        current = await reading
        if (policy.clearable && current && !hasEpoch(current, epoch)) current = undefined
      },
      change: async () => {
        const answer = await change()
        if (answer !== undefined || !mergeInto || !current || current.absent) return answer
        try {
          const row = mergeInto(current.value)
          merged = true
          return row
        } catch (error) {
          // The source has been written nevertheless.
          emit(channels.error, () => ({ operation: 'merge', key, error }))
          return answer
        }
      },
      // A merged row has no version of its own. Without a version, it is stored only if no other
      // writer overlapped.
      commit: async (token, result) => {
        outcome = await this.#commit(key, token, result, { versioned: !merged, epoch })
      },
    })
    // If another writer overlapped, the row was merged with an old one.
    return merged && outcome !== 'stored' ? undefined : row
  }

  /**
   * Changes several rows of the source with one call of `change`, all of them or none, and caches
   * the rows that `change` answers with, in the order of `keys`.
   */
  async writeAll<R extends Stored<T>>(
    keys: readonly string[],
    change: () => Promise<readonly R[]>,
  ): Promise<readonly R[]> {
    const { client, intentTtl } = this.#dependencies
    let epoch: string | undefined
    return this.#changeSource(keys, change, {
      begin: async (token) => {
        epoch = await this.#epochBeside(client.entries.beginWrite(keys, token, intentTtl))
      },
      change,
      commit: (token, rows) =>
        Promise.all(
          keys.map((key, i) =>
            this.#limitCommits(() =>
              this.#commit(key, token, rows[i]!, { versioned: true, epoch }),
            ),
          ),
        ),
    })
  }

  /** Removes one row from the source with `change`, and drops its entry. */
  async remove<R>(key: string, change: () => R | Promise<R>): Promise<R> {
    return this.#changeSource([key], change, { change })
  }

  /** Changes the source in `steps`, or while Redis is down with `change` alone. */
  #changeSource<R>(
    keys: readonly string[],
    change: () => R | Promise<R>,
    steps: Pick<SourceWrite<R>, 'begin' | 'change' | 'commit'>,
  ): Promise<R> {
    const { bypassed, client, intentTtl, path } = this.#dependencies
    const withRedis = (): Promise<R> => writeSource(client, { keys, intentTtl, ...steps })
    return path.changing(keys, () => writeOrBypass({ keys, bypassed, change, withRedis }), 'writes')
  }

  /**
   * Returns the epoch of a clearable cache before the change that begins, or `undefined` if Redis
   * does not tell it. Rejects if the change can't begin.
   */
  async #epochBeside(beginning: Promise<unknown>): Promise<string | undefined> {
    const ensuring = this.#dependencies.path.epoch?.ensure().catch(() => undefined)
    await beginning
    return ensuring
  }

  /** Ends a write: caches the row, or drops the entry if the row is unknown or can't be cached. */
  async #commit(
    key: string,
    token: string,
    row: Stored<T>,
    { versioned, epoch }: { readonly versioned: boolean; readonly epoch: string | undefined },
  ): Promise<Outcome> {
    const { client, policy } = this.#dependencies
    const { entries } = client
    const { format } = policy
    const isCacheable = row !== undefined && (!policy.clearable || epoch !== undefined)
    const storing = isCacheable ? policy.storing(row as T | null, {}) : undefined
    if (storing === undefined) return entries.commitWrite(key, token)
    const plain = versioned ? storing : { ttl: storing.ttl }
    const write = epoch === undefined ? plain : withEpoch(plain, epoch)
    try {
      return await entries.commitWrite(key, token, { format, value: row as T, ...write })
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
      emit(channels.error, () => ({ operation: 'cache what was written', key, error }))
      return entries.commitWrite(key, token)
    }
  }
}

type Outcome = 'stored' | 'kept' | 'deleted'
