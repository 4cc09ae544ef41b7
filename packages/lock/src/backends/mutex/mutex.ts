import type { CacheClient } from '@cache/core'
import type { AbandonedRequests } from '../../manager/abandoned-requests.js'
import { deliver, type Wakeups } from '../../manager/wakeups.js'
import type { Busy, Granted, LockRequest, NamedLockBackend } from '../backend.js'
import { companionKeys, lockKeys } from '../companion-keys.js'
import { parseStoredLock, type LockInspection } from '../holder.js'
import { grantedBy } from '../replies.js'
import { nextSequence } from '../sequence.js'
import { renewalTimeout, validityTime } from '../timing.js'
import {
  acquireAllScript,
  acquireScript,
  extendScript,
  inspectScript,
  releaseScript,
} from './scripts.js'

/** Locks in one Redis or one Cluster. Each decision is one script on the slot of the lock. */
export class MutexBackend implements NamedLockBackend {
  readonly tokenPerAttempt = false
  readonly #client: CacheClient
  readonly #wakeups: Wakeups
  readonly #abandoned: AbandonedRequests

  constructor(client: CacheClient, wakeups: Wakeups, abandoned: AbandonedRequests) {
    this.#client = client
    this.#wakeups = wakeups
    this.#abandoned = abandoned
  }

  newToken(): string {
    return this.#wakeups.newToken()
  }

  async acquire(request: LockRequest, ticket = ''): Promise<Granted | Busy> {
    const { key, token, ttl, holderInfo, fair } = request
    const sentAt = performance.now()
    const args = [token, nextSequence(), String(ttl), holderInfo, ticket, fair ? 'fair' : 'barge']
    const reply = await this.#client.run(acquireScript, lockKeys(key, token), args)
    return reply.held ? grantedBy(reply, sentAt, ttl) : reply
  }

  async acquireAll(requests: readonly LockRequest[]): Promise<readonly Granted[] | undefined> {
    const { token, ttl, holderInfo } = requests[0]!
    const keys = requests.flatMap(({ key }) => lockKeys(key, token))
    if (this.#client.driver.group(keys).length > 1) return undefined
    const sentAt = performance.now()
    const args = [token, nextSequence(), String(ttl), holderInfo]
    const fences = await this.#client.run(acquireAllScript, keys, args)
    return fences?.map((fence) => ({ held: true, fence, deadline: sentAt + validityTime(ttl) }))
  }

  async extend(request: LockRequest, _fence: number, ttl: number): Promise<number | undefined> {
    const { key, token } = request
    const sentAt = performance.now()
    const remaining = await this.#client.run(
      extendScript,
      [key],
      [token, nextSequence(), String(ttl)],
      { timeout: renewalTimeout(request.ttl) },
    )
    return remaining > 0 ? sentAt + validityTime(Math.min(ttl, remaining)) : undefined
  }

  release(request: LockRequest): Promise<boolean> {
    return releaseLock(this.#client, request, 'mine', this.#wakeups.channelPrefix)
  }

  abandon(request: LockRequest, longestTtl = request.ttl): Promise<void> {
    return this.#abandoned.release(request.key, longestTtl, () => this.release(request))
  }

  listen(token: string, wake: (fence?: number) => void): () => void {
    return this.#wakeups.listen(token, wake)
  }

  async inspect(key: string): Promise<LockInspection | undefined> {
    const stored = await this.#client.run(inspectScript, [key, companionKeys(key).waiters], [])
    return stored && parseStoredLock(stored)
  }

  forceRelease(key: string): Promise<boolean> {
    const request = { key, token: this.newToken(), ttl: 0, holderInfo: '' }
    return releaseLock(this.#client, request, 'any', this.#wakeups.channelPrefix)
  }
}

/**
 * Releases a lock in one Redis. With `'mine'` it is released only if the token holds it, with
 * `'any'` whoever holds it.
 */
export async function releaseLock(
  client: CacheClient,
  { key, token, ttl, holderInfo }: ReleaseRequest,
  holder: 'mine' | 'any',
  channelPrefix: string,
): Promise<boolean> {
  const args = [token, String(ttl), holderInfo, channelPrefix, holder]
  const { released, messages } = await client.run(releaseScript, lockKeys(key, token), args)
  messages.forEach(deliver)
  return released
}

/** What identifies a holder or a waiter in Redis. */
export type ReleaseRequest = Pick<LockRequest, 'key' | 'token' | 'ttl' | 'holderInfo'>
