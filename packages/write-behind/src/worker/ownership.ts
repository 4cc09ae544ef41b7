import { channels, type CacheClient } from '@cache/core'
import { emit, sleepUnlessAborted, timerDelay, type PendingReleases } from '@cache/core/internal'
import type { Partition } from '../partitions.js'
import { acquirePartitionScript, releasePartitionScript, renewOwnershipScript } from '../scripts.js'

export interface OwnershipRequest {
  readonly client: CacheClient
  readonly partition: Partition
  /** A token that no other attempt has. */
  readonly token: string
  /** Milliseconds. */
  readonly ttl: number
}

/** The result of an attempt to acquire a partition. */
type AcquireResult =
  | { readonly ownership: Ownership }
  /** The token of the worker that owns the partition, or `''`. */
  | { readonly owner: string }

/**
 * The ownership of one partition, from its acquisition until it is lost or given back. It is
 * renewed three times in each ttl, independently of the worker's other work. It counts as lost
 * before another worker can acquire the partition.
 */
export class Ownership {
  readonly partition: Partition
  readonly token: string
  readonly fence: number
  readonly #request: OwnershipRequest
  readonly #ended = new AbortController()
  readonly #onLost: (reason: string) => void
  #lossTimer: NodeJS.Timeout | undefined

  /** `requestedAt` is the `performance.now()` at which the partition was requested. */
  constructor(
    request: OwnershipRequest,
    fence: string,
    requestedAt: number,
    onLost: (reason: string) => void,
  ) {
    this.partition = request.partition
    this.token = request.token
    this.fence = Number(fence)
    this.#request = request
    this.#onLost = onLost
    this.#extendFrom(requestedAt)
    void this.#renewRepeatedly()
  }

  /** Stops renewing. */
  end(): void {
    this.#ended.abort()
    clearTimeout(this.#lossTimer)
  }

  /** Ends the ownership and reports that, unless it has ended already. */
  lose(reason: string): void {
    if (this.#ended.signal.aborted) return
    this.end()
    this.#onLost(reason)
  }

  async #renewRepeatedly(): Promise<void> {
    const { client, partition, token, ttl } = this.#request
    const { signal } = this.#ended
    let wait = ttl / 3
    while (!signal.aborted) {
      await sleepUnlessAborted(wait, signal)
      if (signal.aborted) return
      const requestedAt = performance.now()
      try {
        const isOwner = await client.run(
          renewOwnershipScript,
          [partition.owner],
          [token, String(ttl)],
        )
        if (signal.aborted) return
        if (!isOwner) return this.lose(ANOTHER_OWNER)
        this.#extendFrom(requestedAt)
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

  #extendFrom(requestedAt: number): void {
    clearTimeout(this.#lossTimer)
    this.#lossTimer = setTimeout(
      () => this.lose('the partition could not be renewed'),
      timerDelay(requestedAt + this.#request.ttl * SAFE_SHARE - performance.now()),
    )
  }
}

/**
 * Tries to acquire a partition. If the reply is lost, the partition may have been acquired, so it
 * is given back. `deadOwner` is the token of its owner if that is known to be dead, otherwise `''`.
 */
export async function acquirePartition(
  request: OwnershipRequest,
  deadOwner: string,
  releases: PendingReleases,
  onLost: (ownership: Ownership, reason: string) => void,
): Promise<AcquireResult> {
  const { client, partition, token, ttl } = request
  const requestedAt = performance.now()
  try {
    const { fence, owner } = await client.run(
      acquirePartitionScript,
      [partition.owner, partition.fence, partition.releasedMark(token)],
      [token, String(ttl), deadOwner],
    )
    if (fence === undefined) return { owner }
    const ownership: Ownership = new Ownership(request, fence, requestedAt, (reason) =>
      onLost(ownership, reason),
    )
    return { ownership }
  } catch (error) {
    releaseEventually(request, releases)
    throw error
  }
}

/** Gives a partition back. Retries until Redis acknowledges that, or until the ttl has passed. */
export function releaseEventually(
  { client, partition, token, ttl }: OwnershipRequest,
  releases: PendingReleases,
): void {
  releases.add({
    key: partition.owner,
    ttl,
    release: () => releasePartition(client, partition, token),
  })
}

/** Gives a partition back. Resolves to whether the token owned it. */
export function releasePartition(
  client: CacheClient,
  partition: Partition,
  token: string,
): Promise<boolean> {
  return client.run(
    releasePartitionScript,
    [partition.owner, partition.releasedMark(token)],
    [token, String(MARK_TTL)],
  )
}

/** Why an ownership ends of which Redis says that it is another worker's, or nobody's. */
export const ANOTHER_OWNER = 'the partition has another owner'
/**
 * Milliseconds for which Redis remembers that an acquisition was given up, that a failure was
 * counted, or that a worker has stopped. A request takes less time than this to arrive.
 */
export const MARK_TTL = 600_000
/**
 * The share of the ttl, from the time of the request, for which a worker relies on an ownership.
 */
const SAFE_SHARE = 0.9
