import type { CacheClient } from '@cache/core'
import type { AbandonedRequests } from '../../manager/abandoned-requests.js'
import { deliver, type Wakeups } from '../../manager/wakeups.js'
import type { Busy, Granted, LockBackend, LockRequest } from '../backend.js'
import { companionKeys, lockKeys } from '../companion-keys.js'
import { grantedBy } from '../replies.js'
import { nextSequence } from '../sequence.js'
import { renewalTimeout, validityTime } from '../timing.js'
import {
  acquirePermitScript,
  extendPermitScript,
  inspectPermitsScript,
  releasePermitScript,
  type Occupancy,
} from './scripts.js'

/** The prefix of a token that shares the permits with others. */
export const SHARED = 's:'
/** The prefix of a token that holds the permits alone. */
export const EXCLUSIVE = 'x:'

/** Permits in one Redis or one Cluster: up to a number of shared holders, or one exclusive one. */
export class PermitsBackend implements LockBackend {
  readonly tokenPerAttempt = false
  readonly #client: CacheClient
  readonly #wakeups: Wakeups
  readonly #abandoned: AbandonedRequests
  readonly #permits: string

  constructor(
    client: CacheClient,
    wakeups: Wakeups,
    abandoned: AbandonedRequests,
    permits: number,
  ) {
    this.#client = client
    this.#wakeups = wakeups
    this.#abandoned = abandoned
    this.#permits = String(permits)
  }

  newToken(): string {
    return this.#wakeups.newToken()
  }

  async acquire(request: LockRequest, ticket = ''): Promise<Granted | Busy> {
    const { key, token, ttl, fair } = request
    const sentAt = performance.now()
    const mode = fair ? 'fair' : 'barge'
    const { channelPrefix } = this.#wakeups
    const reply = await this.#client.run(acquirePermitScript, permitKeys(key, token), [
      token,
      nextSequence(),
      String(ttl),
      this.#permits,
      ticket,
      mode,
      channelPrefix,
    ])
    return reply.held ? grantedBy(reply, sentAt, ttl) : reply
  }

  async extend(request: LockRequest, _fence: number, ttl: number): Promise<number | undefined> {
    const { key, token } = request
    const sentAt = performance.now()
    const remaining = await this.#client.run(
      extendPermitScript,
      [key, companionKeys(key).details],
      [token, nextSequence(), String(ttl)],
      { timeout: renewalTimeout(request.ttl) },
    )
    return remaining > 0 ? sentAt + validityTime(Math.min(ttl, remaining)) : undefined
  }

  async release({ key, token, ttl }: LockRequest): Promise<boolean> {
    const args = [token, String(ttl), this.#permits, this.#wakeups.channelPrefix]
    const keys = permitKeys(key, token)
    const { released, messages } = await this.#client.run(releasePermitScript, keys, args)
    messages.forEach(deliver)
    return released
  }

  abandon(request: LockRequest, longestTtl = request.ttl): Promise<void> {
    return this.#abandoned.release(request.key, longestTtl, () => this.release(request))
  }

  listen(token: string, wake: (fence?: number) => void): () => void {
    return this.#wakeups.listen(token, wake)
  }

  inspect(key: string): Promise<Occupancy> {
    return this.#client.run(inspectPermitsScript, [key, companionKeys(key).waiters], [])
  }
}

/** Returns the keys of one semaphore or read-write lock, in the order of its scripts. */
function permitKeys(key: string, token: string): string[] {
  return [...lockKeys(key, token), companionKeys(key).details]
}
