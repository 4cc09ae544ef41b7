import { CodecError } from '../errors.js'
import { createToken } from '../util/token.js'
import type { EntryAccess } from './access.js'
import { InFlightLoad, type LoadResult } from './in-flight-load.js'
import type { LeasedLoad, Maybe } from './leased-load.js'
import type { Loader } from './loader.js'
import type { LoadPolicy } from './policy.js'

export interface ForcedRefreshRequest<T> {
  readonly key: string
  readonly access: EntryAccess<T>
  readonly load: Loader<T>
  readonly signal: AbortSignal | undefined
  /** Deletes the entry, unless it has a newer version than this. */
  readonly drop: (version: number | undefined) => Promise<unknown>
}

/**
 * Loads values that callers ask to load now, and replaces the cached ones.
 *
 * Calls share the next load of their key that has not begun. A call that comes while the loader
 * runs waits for the following load, because the source may have changed since the loader asked it.
 * So one process runs at most one load of a key at a time, and each caller gets what the source had
 * after its call.
 */
export class ForcedRefresh<T> {
  readonly #policy: LoadPolicy<T>
  readonly #leasedLoad: LeasedLoad<T>
  /** Loads whose loader has not been called. */
  readonly #waiting = new Map<string, InFlightLoad<Maybe<T>>>()
  /** Loads whose loader has been called. */
  readonly #loading = new Map<string, InFlightLoad<Maybe<T>>>()

  constructor(policy: LoadPolicy<T>, leasedLoad: LeasedLoad<T>) {
    this.#policy = policy
    this.#leasedLoad = leasedLoad
  }

  /**
   * Resolves to the loaded value once it is cached, or once the old one is deleted because the new
   * one can't be cached. Rejects, and leaves the old value, if the loader throws or Redis does not
   * answer.
   */
  async run(request: ForcedRefreshRequest<T>): Promise<Maybe<T>> {
    const { key, signal } = request
    for (;;) {
      signal?.throwIfAborted()
      const waiting = this.#waiting.get(key)
      if (!waiting?.isJoinable) return (await this.#start(request).wait(signal)).value
      const result = await waiting.join(signal)
      if (result) return result.value
      remove(this.#waiting, key, waiting)
    }
  }

  #start(request: ForcedRefreshRequest<T>): InFlightLoad<Maybe<T>> {
    const { key } = request
    const load = new InFlightLoad<Maybe<T>>(this.#policy.leaseTtl, (self) =>
      this.#load(request, self).finally(() => {
        remove(this.#waiting, key, self)
        remove(this.#loading, key, self)
      }),
    )
    this.#waiting.set(key, load)
    return load
  }

  async #load(
    { key, access, load, drop }: ForcedRefreshRequest<T>,
    self: InFlightLoad<Maybe<T>>,
  ): Promise<LoadResult<Maybe<T>>> {
    await this.#loading.get(key)?.ended()
    const token = createToken()
    const { leaseTtl } = this.#policy
    // The lease is taken from a reader or a refresh that began earlier: this load is the newer one.
    const lease = await access.lease(key, { token, ttl: leaseTtl, staleBelow: 'all', take: true })
    remove(this.#waiting, key, self)
    this.#loading.set(key, self)
    const fill = new RecordedFill(access)
    const result = await this.#leasedLoad.run({
      key,
      access: fill.access,
      load,
      abandoned: self.abandoned,
      redisDown: false,
      token,
      staleFallback: lease.entry,
      fallbackValidUntil: 0,
      leased: lease.status === 'leased',
      closeToJoiners: () => undefined,
      bulk: false,
      outage: undefined,
      rejects: true,
    })
    if (fill.error) throw fill.error.reason
    // A writer or an invalidation came first, or the value can't be cached. The old value is older
    // than what the caller gets, so it must not be read any more.
    if (!fill.stored) await drop(fill.version)
    return result
  }
}

/** Records what became of the fill of one load. */
class RecordedFill<T> {
  readonly access: EntryAccess<T>
  stored = false
  version: number | undefined
  error: { readonly reason: unknown } | undefined

  constructor(access: EntryAccess<T>) {
    this.access = {
      read: (...args) => access.read(...args),
      lease: (...args) => access.lease(...args),
      renew: (...args) => access.renew(...args),
      release: (...args) => access.release(...args),
      fill: async (key, token, value, storing) => {
        this.version = storing.meta?.version
        try {
          this.stored = await access.fill(key, token, value, { ...storing, replaces: true })
          return this.stored
        } catch (reason) {
          // A value that can't be encoded is reported, and is the answer all the same.
          if (!(reason instanceof CodecError)) this.error = { reason }
          throw reason
        }
      },
    }
  }
}

function remove<T>(loads: Map<string, InFlightLoad<T>>, key: string, load: InFlightLoad<T>): void {
  if (loads.get(key) === load) loads.delete(key)
}
