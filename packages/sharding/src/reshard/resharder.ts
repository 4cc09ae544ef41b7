import { ReshardConflictError } from '../errors.js'
import type { Layout } from '../layout.js'
import type { Router } from '../router.js'
import type { Shard } from '../shard.js'
import { reshard } from './reshard.js'

export interface ResharderOptions {
  /** Ms for which a change is announced before the switch. */
  readonly announceFor: number
  /** Ms that a shard has to answer. */
  readonly timeout: number
  /** Aborts when the driver is closed. */
  readonly stop: AbortSignal
  /** Called when a change is agreed, with its added shards. Nothing is published there yet. */
  onAgreed(added: readonly Shard[]): void
  /** Called when the new shards are used from now on. */
  onSwitched(): void
  /** Called when a change that may have been agreed does not happen. */
  onCancelled(added: readonly Shard[]): Promise<void>
  /** Called when every key has been moved, with the shards that are no longer used. */
  onCompleted(removed: readonly Shard[]): Promise<void>
}

/**
 * Changes the shards of a driver, one change at a time. It is all that the driver knows about
 * resharding.
 */
export class Resharder {
  readonly #router: Router
  readonly #options: ResharderOptions
  #current:
    { readonly to: Layout; readonly lost: Set<string>; readonly done: Promise<void> } | undefined
  /** The shards that the current change removes and that may still hold keys. */
  readonly #leaving = new Set<Shard>()

  constructor(router: Router, options: ResharderOptions) {
    this.#router = router
    this.#options = options
  }

  /** The shards in use; during a change the old and the new ones. */
  get shards(): readonly Shard[] {
    const added = this.#current?.to.shards ?? []
    return [...new Set([...this.#router.layout.shards, ...added, ...this.#leaving])]
  }

  /** The names of the shards that a call of `reshard` may declare lost. */
  get losableNames(): readonly string[] {
    return [...new Set([...this.#router.layout.shards, ...this.#leaving])].map(({ name }) => name)
  }

  /**
   * Changes to another layout; resolves when every key has been moved. Joins the current change if
   * it has the same layout, and adds to its lost shards.
   *
   * @throws {ReshardConflictError} if the current change has another layout.
   */
  async reshard(to: Layout, lost: readonly string[]): Promise<void> {
    const current = this.#current
    if (current) {
      if (current.to.fingerprint !== to.fingerprint) throw new ReshardConflictError()
      for (const name of lost) current.lost.add(name)
      return current.done
    }
    if (to.fingerprint !== this.#router.layout.fingerprint) await this.#change(to, new Set(lost))
  }

  /** Cancels the change under way: the driver is closed. */
  cancel(): void {
    this.#router.change?.cancel()
  }

  async #change(to: Layout, lost: Set<string>): Promise<void> {
    const router = this.#router
    const { stop, announceFor, timeout } = this.#options
    const from = router.layout
    const removed = from.shards.filter((shard) => !to.shards.includes(shard))
    const added = to.shards.filter((shard) => !from.shards.includes(shard))
    const done = reshard(router, to, {
      lost,
      added,
      announceFor,
      timeout,
      stop,
      onAgreed: () => this.#options.onAgreed(added),
      onSwitched: () => {
        for (const shard of removed) this.#leaving.add(shard)
        this.#options.onSwitched()
      },
    })
    this.#current = { to, lost, done }
    try {
      await done
    } catch (error) {
      if (router.layout !== to) await this.#options.onCancelled(added)
      throw stop.aborted ? stop.reason : error
    } finally {
      this.#current = undefined
      if (router.layout === to && !stop.aborted) {
        this.#leaving.clear()
        await this.#options.onCompleted(removed)
      }
    }
  }
}
