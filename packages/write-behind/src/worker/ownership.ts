import { channels, type CacheClient } from '@cache/core'
import { emit, type PendingReleases } from '@cache/core/internal'
import { pause } from '../pause.js'
import type { Partition } from '../partitions.js'
import { acquireScript, leaveScript, renewScript } from '../scripts.js'

/** What acquiring a partition came to. */
type Acquired =
  | { readonly ownership: Ownership }
  /** Somebody else owns it. */
  | { readonly owner: string }

interface Terms {
  readonly client: CacheClient
  readonly partition: Partition
  /** A token that no other attempt has. */
  readonly token: string
  /** Ms. */
  readonly ttl: number
}

/**
 * The ownership of one partition, from when it was acquired until it is lost or given back. It is
 * renewed three times in each ttl, whatever else the worker does, and taken for lost before a next
 * owner can have it.
 */
export class Ownership {
  readonly partition: Partition
  readonly token: string
  readonly fence: number
  readonly #terms: Terms
  readonly #over = new AbortController()
  readonly #lost: () => void
  #loss: NodeJS.Timeout | undefined

  constructor(terms: Terms, fence: string, asked: number, lost: () => void) {
    this.partition = terms.partition
    this.token = terms.token
    this.fence = Number(fence)
    this.#terms = terms
    this.#lost = lost
    this.#holdsSince(asked)
    void this.#renew()
  }

  /** Renews no longer. */
  end(): void {
    this.#over.abort()
    clearTimeout(this.#loss)
  }

  async #renew(): Promise<void> {
    const { client, partition, token, ttl } = this.#terms
    const { signal } = this.#over
    let wait = ttl / 3
    while (!signal.aborted) {
      await pause(wait, signal).catch(() => undefined)
      if (signal.aborted) return
      const asked = performance.now()
      try {
        const holds = await client.run(renewScript, [partition.owner], [token, String(ttl)])
        if (signal.aborted) return
        if (!holds) return this.#lose()
        this.#holdsSince(asked)
        wait = ttl / 3
      } catch (error) {
        emit(channels.error, () => ({
          operation: 'write-behind worker',
          key: partition.owner,
          error,
        }))
        wait = ttl / 20
      }
    }
  }

  #holdsSince(asked: number): void {
    clearTimeout(this.#loss)
    this.#loss = setTimeout(
      () => this.#lose(),
      asked + this.#terms.ttl * SAFE_SHARE - performance.now(),
    )
  }

  #lose(): void {
    if (this.#over.signal.aborted) return
    this.end()
    this.#lost()
  }
}

/**
 * Asks for a partition. What may have been acquired although no reply said so is given back.
 * `dead`: its owner, if that is known to be dead.
 */
export async function acquire(
  terms: Terms,
  dead: string,
  releases: PendingReleases,
  lost: (ownership: Ownership) => void,
): Promise<Acquired> {
  const { client, partition, token, ttl } = terms
  const asked = performance.now()
  try {
    const { fence, owner } = await client.run(
      acquireScript,
      [partition.owner, partition.fence, partition.left(token)],
      [token, String(ttl), dead],
    )
    if (fence === undefined) return { owner }
    const ownership: Ownership = new Ownership(terms, fence, asked, () => lost(ownership))
    return { ownership }
  } catch (error) {
    giveBack(terms, releases)
    throw error
  }
}

/** Gives a partition back, until Redis acknowledges that, or the ttl has passed. */
export function giveBack(
  { client, partition, token, ttl }: Terms,
  releases: PendingReleases,
): void {
  releases.add({ key: partition.owner, ttl, release: () => leave(client, partition, token) })
}

export function leave(client: CacheClient, partition: Partition, token: string): Promise<boolean> {
  return client.run(
    leaveScript,
    [partition.owner, partition.left(token)],
    [token, String(MARK_TTL)],
  )
}

/**
 * The share of the ttl, counted from when it was asked for, for which an ownership is taken to
 * hold.
 */
const SAFE_SHARE = 0.9
/**
 * Ms for which an attempt that was given up or counted, and a worker that has gone, are remembered:
 * longer than a request may take to arrive.
 */
export const MARK_TTL = 600_000
