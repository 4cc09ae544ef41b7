import { CacheError, type CacheClient } from '@cache/core'
import { Backoff, SwapList, createToken, groupBy, sleep } from '@cache/core/internal'
import { AbandonedRequests } from '../../manager/abandoned-requests.js'
import { neverSent } from '../../manager/never-sent.js'
import type { Busy, Granted, LockRequest, NamedLockBackend } from '../backend.js'
import { companionKeys, lockKeys } from '../companion-keys.js'
import { parseStoredLock, type LockInspection } from '../holder.js'
import { releaseLock } from '../mutex/mutex.js'
import {
  acquireScript,
  extendScript,
  inspectScript,
  restoreScript,
  storeAgreedFenceScript,
} from '../mutex/scripts.js'
import { nextSequence } from '../sequence.js'
import { renewalTimeout, validityTime } from '../timing.js'
import { collectVotes, type Votes } from './votes.js'

/**
 * Locks that a majority of independent servers grants. A server that is dead, hangs or has
 * forgotten everything does not affect them.
 *
 * Source: https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/
 */
export class MajorityBackend implements NamedLockBackend {
  readonly tokenPerAttempt = true
  readonly #clients: readonly CacheClient[]
  /** One for each server, so that a server that hangs does not hold up the others. */
  readonly #abandoned: ReadonlyMap<CacheClient, AbandonedRequests>
  /** The first attempts to release that are under way. */
  readonly #releasing = new SwapList<Promise<unknown>>()
  /** The servers that were never sent a request: they have nothing to release. */
  readonly #notSentTo = new WeakMap<LockRequest, Set<CacheClient>>()
  readonly #majority: number

  constructor(clients: readonly CacheClient[]) {
    this.#clients = clients
    this.#abandoned = new Map(clients.map((client) => [client, new AbandonedRequests()]))
    this.#majority = (clients.length + 1) / 2
  }

  newToken(): string {
    return createToken()
  }

  /**
   * Acquires in two round trips. First a majority grants the lock. Then a majority stores the
   * highest of its fences. The majority of the next holder has a server in common with this one, so
   * its fence is higher.
   */
  async acquire(request: LockRequest): Promise<Granted | Busy> {
    const { key, token, ttl, holderInfo } = request
    const sentAt = performance.now()
    const timeout = replyTimeout(ttl)
    // 'none': other servers may grant the lock to a token that one server does not.
    const args = [token, nextSequence(), String(ttl), holderInfo, 'none', 'barge']
    const grants = await this.#ask(
      (client) =>
        client
          .run(acquireScript, lockKeys(key, token), args, { timeout })
          .catch((error: unknown) => {
            if (neverSent(error)) this.#recordNotSent(request, client)
            throw error
          }),
      ({ held }) => held,
    )
    const fences = grants.agreed.map((grant) => (grant.held ? grant.fence : 0))
    const fence = Math.max(...fences)
    const granted = grants.quorum && (await this.#storeFence(key, token, fence, timeout))
    const deadline = sentAt + validityTime(ttl)
    if (granted && performance.now() < deadline) return { held: true, fence, deadline }
    void this.abandon(request)
    if (grants.failures.length >= this.#majority) throw this.#noMajority(key, grants.failures)
    return { held: false, retryAfter: Math.random() * Math.min(200, ttl / 2), ticket: '0' }
  }

  /**
   * Extends the lock on a majority. As long as a majority has the lock, it is restored on a server
   * that has forgotten it, or did not grant it before.
   */
  async extend(request: LockRequest, fence: number, ttl: number): Promise<number | undefined> {
    const { key, token } = request
    const sentAt = performance.now()
    const args = [token, nextSequence(), String(ttl)]
    const timeout = renewalTimeout(request.ttl)
    const replies = this.#clients.map((client) =>
      client.run(extendScript, [key], args, { timeout }),
    )
    const votes = await collectVotes(replies, (remaining) => remaining > 0, this.#majority)
    const deadline = sentAt + validityTime(Math.min(ttl, ...votes.agreed))
    if (votes.quorum) {
      for (const [i, reply] of replies.entries()) {
        const restored = reply.then(async (remaining) => {
          if (remaining === 0) await this.#restore(this.#clients[i]!, request, fence, ttl)
        })
        restored.catch(() => undefined) // the next renewal retries
      }
      return performance.now() < deadline ? deadline : undefined
    }
    if (votes.disagreed >= this.#majority) return undefined
    throw this.#noMajority(key, votes.failures)
  }

  /**
   * Releases the lock on every server. A server that did not reply to the acquisition may still
   * have executed it.
   */
  release(request: LockRequest, longestTtl = request.ttl): Promise<boolean> {
    return this.#majorityDid(request.key, (client) => {
      const releasing = releaseLock(client, request, 'mine', '')
      const handle = this.#releasing.add(releasing)
      void releasing
        .catch(() => void this.#abandonOn(client, request, longestTtl))
        .then(() => this.#releasing.delete(handle))
      return releasing
    })
  }

  async abandon(request: LockRequest, longestTtl = request.ttl): Promise<void> {
    await Promise.all(this.#clients.map((client) => this.#abandonOn(client, request, longestTtl)))
  }

  /**
   * Does nothing: independent servers have no common queue, so waiters retry after a random pause.
   */
  listen(): () => void {
    return () => undefined
  }

  async inspect(key: string): Promise<LockInspection | undefined> {
    const replies = await Promise.allSettled(
      this.#clients.map((client) =>
        client.run(inspectScript, [key, companionKeys(key).waiters], []),
      ),
    )
    const failures = replies.flatMap((reply) =>
      reply.status === 'rejected' ? [reply.reason as unknown] : [],
    )
    if (failures.length >= this.#majority) throw this.#noMajority(key, failures)
    const stored = replies.flatMap((reply) =>
      reply.status === 'fulfilled' && reply.value ? [reply.value] : [],
    )
    const byToken = groupBy(stored, ({ value }) => value.split(' ', 1)[0]!)
    const held = [...byToken.values()].find((copies) => copies.length >= this.#majority)
    if (!held) return undefined
    const copies = held.map(parseStoredLock)
    const longestFirst = copies.map(({ remaining }) => remaining).sort((a, b) => b - a)
    // The lock is held for as long as a majority has it.
    return { ...copies[0]!, remaining: longestFirst[this.#majority - 1]! }
  }

  forceRelease(key: string): Promise<boolean> {
    const request = { key, token: this.newToken(), ttl: 0, holderInfo: '' }
    return this.#majorityDid(key, (client) => releaseLock(client, request, 'any', ''))
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#releasing)
    await Promise.all([...this.#abandoned.values()].map((abandoned) => abandoned.close()))
  }

  /** Resolves to whether a majority stored the fence for the token. */
  async #storeFence(key: string, token: string, fence: number, timeout: number): Promise<boolean> {
    const keys = [key, companionKeys(key).fence]
    const args = [token, String(fence)]
    const votes = await this.#ask(
      (client) => client.run(storeAgreedFenceScript, keys, args, { timeout }),
      (stored) => stored,
    )
    return votes.quorum
  }

  #abandonOn(client: CacheClient, request: LockRequest, longestTtl: number): Promise<void> {
    const release = async (): Promise<boolean> =>
      this.#notSentTo.get(request)?.has(client) || releaseLock(client, request, 'mine', '')
    return this.#abandoned.get(client)!.release(request.key, longestTtl, release)
  }

  #recordNotSent(request: LockRequest, client: CacheClient): void {
    const clients = this.#notSentTo.get(request)
    if (clients) clients.add(client)
    else this.#notSentTo.set(request, new Set([client]))
  }

  /**
   * Restores the lock on one server. An attempt of another process, which fails because a majority
   * has the lock, may hold it there for a moment. Retries until the next renewal.
   */
  async #restore(
    client: CacheClient,
    request: LockRequest,
    fence: number,
    ttl: number,
  ): Promise<void> {
    const { key, token, holderInfo } = request
    this.#notSentTo.get(request)?.delete(client)
    const until = performance.now() + request.ttl / 3
    const { fence: fenceKey, tombstone } = companionKeys(key)
    const args = [token, nextSequence(), String(ttl), holderInfo, String(fence)]
    const backoff = new Backoff({ first: 15, jitter: 2 / 3 })
    for (;;) {
      const restored = await client.run(restoreScript, [key, fenceKey, tombstone(token)], args, {
        timeout: renewalTimeout(request.ttl),
      })
      const wait = backoff.next()
      if (restored !== 0 || performance.now() + wait > until) return
      await sleep(wait, undefined, { ref: false })
    }
  }

  /** Resolves to whether a majority replied `true`. Rejects if no majority can reply. */
  async #majorityDid(
    key: string,
    send: (client: CacheClient) => Promise<boolean>,
  ): Promise<boolean> {
    const { quorum, failures } = await this.#ask(send, (done) => done)
    if (!quorum && failures.length >= this.#majority) throw this.#noMajority(key, failures)
    return quorum
  }

  #ask<R>(
    send: (client: CacheClient) => Promise<R>,
    agrees: (reply: R) => boolean,
  ): Promise<Votes<R>> {
    return collectVotes(this.#clients.map(send), agrees, this.#majority)
  }

  #noMajority(key: string, errors: readonly unknown[]): CacheError {
    const problem = `No majority of the ${this.#clients.length} servers answered about ${key}.`
    return new CacheError(`${problem} Check that the servers are up and reachable.`, {
      code: 'NO_MAJORITY',
      key,
      cause: errors[0],
    })
  }
}

/**
 * Returns how long in ms to wait for a server's reply. A slower server does not count for the
 * majority, so that enough of the ttl is left.
 */
function replyTimeout(ttl: number): number {
  return Math.max(20, Math.min(1_000, Math.round(ttl / 4)))
}
