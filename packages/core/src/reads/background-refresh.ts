import type { Entry } from '../entries/entry.js'
import { createToken } from '../util/token.js'
import { LazySignal } from '../util/lazy-signal.js'
import type { EntryAccess } from './access.js'
import type { BackgroundWork } from './background-work.js'
import type { LeasedLoad } from './leased-load.js'
import type { LoadCoordinator } from './load-coordinator.js'
import type { Loader } from './loader.js'
import type { LoadPolicy } from './policy.js'
import { reportError } from './report-error.js'

interface RefreshRequest<T> {
  readonly key: string
  /** The stale, or soon stale, entry that is served meanwhile. */
  readonly entry: Entry<T>
  readonly access: EntryAccess<T>
  readonly load: Loader<T>
  /**
   * Set if the key is one of many that are refreshed together. Called as soon as it is known
   * whether this key is loaded here.
   */
  readonly onDecided?: (() => void) | undefined
}

/** Reloads stale entries in the background, while callers get the stale value. */
export class BackgroundRefresh<T> {
  readonly #policy: LoadPolicy<T>
  readonly #leasedLoad: LeasedLoad<T>
  readonly #loads: LoadCoordinator<T>
  readonly #background: BackgroundWork

  constructor(
    policy: LoadPolicy<T>,
    leasedLoad: LeasedLoad<T>,
    loads: LoadCoordinator<T>,
    background: BackgroundWork,
  ) {
    this.#policy = policy
    this.#leasedLoad = leasedLoad
    this.#loads = loads
    this.#background = background
  }

  /** Starts a reload of the entry, unless this process is already loading it. */
  start(request: RefreshRequest<T>): void {
    const { key } = request
    if (this.#background.isRunning(key, this.#policy.leaseTtl) || this.#loads.isJoinable(key))
      return request.onDecided?.()
    this.#background.add(
      key,
      this.#reload(request).catch((error: unknown) => reportError('refresh', key, error)),
    )
  }

  async #reload({ key, entry, access, load, onDecided }: RefreshRequest<T>): Promise<void> {
    const token = createToken()
    const answer = await access
      .lease(key, { token, ttl: this.#policy.leaseTtl, staleBelow: entry.life ?? 0 })
      .catch((error: unknown) => {
        onDecided?.()
        throw error
      })
    if (answer.status !== 'leased') return onDecided?.()
    await this.#leasedLoad.run({
      key,
      access,
      load,
      abandoned: new LazySignal(),
      redisDown: false,
      token,
      staleFallback: answer.entry,
      fallbackValidUntil: 0,
      leased: true,
      closeToJoiners: () => undefined,
      background: true,
      bulk: onDecided !== undefined,
      outage: undefined,
    })
  }
}
