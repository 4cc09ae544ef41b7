import { setTimeout as sleep } from 'node:timers/promises'
import { CacheError, type CacheClient } from '@cache/core'
import { SwapList, createToken } from '@cache/core/internal'
import { AbandonedClaims } from '../../manager/abandoned-requests.js'
import { keysBeside } from '../companion-keys.js'
import { nextStep, renewalTimeout, safe, type Busy, type Claim, type Granted } from '../backend.js'
import { parseHolder, type Found, type LockGround, type LockInspection } from '../holder.js'
import { acquireKeys, leave } from '../mutex/mutex.js'
import {
  acquireScript,
  extendScript,
  inspectScript,
  restoreScript,
  settleFenceScript,
} from '../mutex/scripts.js'
import { neverSent } from '../../manager/never-sent.js'
import { majorityOf, type Votes } from './votes.js'

/**
 * Locks that a majority of independent servers grants: one that is dead, hangs or has forgotten
 * everything changes nothing.
 *
 * Source: https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/
 */
export class Majority implements LockGround {
  readonly tokenPerAttempt = true
  readonly #clients: readonly CacheClient[]
  /** Of each server, so that one that hangs does not hold up the others. */
  readonly #abandoned: ReadonlyMap<CacheClient, AbandonedClaims>
  /** What is being given back for the first time. */
  readonly #leaving = new SwapList<Promise<unknown>>()
  /** The servers to which a request for the claim was never sent: there is nothing to give back. */
  readonly #unasked = new WeakMap<Claim, Set<CacheClient>>()
  readonly #needed: number

  constructor(clients: readonly CacheClient[]) {
    this.#clients = clients
    this.#abandoned = new Map(clients.map((client) => [client, new AbandonedClaims()]))
    this.#needed = (clients.length + 1) / 2
  }

  newToken(): string {
    return createToken()
  }

  /**
   * Two rounds: a majority grants; then a majority remembers the highest of its fences, so that the
   * next holder, whose majority has a server in common with this one, gets a higher one.
   */
  async take(claim: Claim): Promise<Granted | Busy> {
    const { key, token, ttl, about } = claim
    const left = performance.now()
    const timeout = answerTimeout(ttl)
    // others may grant it to a token that one refuses
    const args = [token, nextStep(), String(ttl), about, 'none', 'barge']
    const grants = await this.#ask(
      (client) =>
        client
          .run(acquireScript, acquireKeys(key, token), args, { timeout })
          .catch((error: unknown) => {
            if (neverSent(error)) this.#noteUnasked(claim, client)
            throw error
          }),
      ({ held }) => held,
    )
    const highest = String(
      Math.max(...grants.agreed.map((grant) => (grant.held ? grant.fence : 0))),
    )
    const settled =
      grants.won &&
      (
        await this.#ask(
          (client) =>
            client.run(settleFenceScript, [key, keysBeside(key).fence], [token, highest], {
              timeout,
            }),
          (mine) => mine,
        )
      ).won
    const deadline = left + safe(ttl)
    if (settled && performance.now() < deadline)
      return { held: true, fence: Number(highest), deadline }
    void this.abandon(claim)
    if (grants.failures.length >= this.#needed) throw this.#silent(key, grants.failures)
    return { held: false, again: Math.random() * Math.min(200, ttl / 2), ticket: '0' }
  }

  /**
   * A server that has forgotten the lock, or did not grant it before, gets it back as long as a
   * majority has it.
   */
  async extend(claim: Claim, fence: number, ttl: number): Promise<number | undefined> {
    const { key, token, ttl: usual } = claim
    const left = performance.now()
    const step = nextStep()
    const answers = this.#clients.map((client) =>
      client.run(extendScript, [key], [token, step, String(ttl)], {
        timeout: renewalTimeout(usual),
      }),
    )
    const votes = await majorityOf(answers, (remaining) => remaining > 0, this.#needed)
    const deadline = left + safe(Math.min(ttl, ...votes.agreed))
    if (votes.won) {
      for (const [i, answer] of answers.entries()) {
        const restored = answer.then(async (remaining) => {
          if (remaining === 0) await this.#restore(this.#clients[i]!, claim, fence, ttl)
        })
        restored.catch(() => undefined) // the next renewal tries again
      }
      return performance.now() < deadline ? deadline : undefined
    }
    if (votes.against >= this.#needed) return undefined
    throw this.#silent(key, votes.failures)
  }

  /** On every server, also on those that did not answer when it was taken: they may have heard. */
  leave(claim: Claim, longest = claim.ttl): Promise<boolean> {
    return this.#agreed(claim.key, (client) => {
      const leaving = leave(client, claim.key, claim.token, 'mine', '')
      const seat = this.#leaving.add(leaving)
      void leaving
        .catch(() => void this.#abandonOn(client, claim, longest))
        .then(() => this.#leaving.delete(seat))
      return leaving
    })
  }

  async abandon(claim: Claim, longest = claim.ttl): Promise<void> {
    await Promise.all(this.#clients.map((client) => this.#abandonOn(client, claim, longest)))
  }

  /** Independent servers keep no common queue: who waits asks again after a random pause. */
  listen(): () => void {
    return () => undefined
  }

  async inspect(key: string): Promise<LockInspection | undefined> {
    const answers = await Promise.allSettled(
      this.#clients.map((client) => client.run(inspectScript, [key, keysBeside(key).queue], [])),
    )
    const failures = answers.flatMap((answer) =>
      answer.status === 'rejected' ? [answer.reason as unknown] : [],
    )
    if (failures.length >= this.#needed) throw this.#silent(key, failures)
    const byToken = new Map<string, Found[]>()
    for (const answer of answers) {
      if (answer.status === 'rejected' || !answer.value) continue
      const token = answer.value.value.split(' ', 1)[0]!
      byToken.set(token, [...(byToken.get(token) ?? []), answer.value])
    }
    const held = [...byToken.values()].find((copies) => copies.length >= this.#needed)
    if (!held) return undefined
    const copies = held.map(parseHolder)
    // It is held for as long as a majority has it.
    return {
      ...copies[0]!,
      remaining: copies.map(({ remaining }) => remaining).sort((a, b) => b - a)[this.#needed - 1]!,
    }
  }

  forceRelease(key: string): Promise<boolean> {
    const token = this.newToken()
    return this.#agreed(key, (client) => leave(client, key, token, 'any', ''))
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#leaving)
    await Promise.all([...this.#abandoned.values()].map((abandoned) => abandoned.close()))
  }

  #abandonOn(client: CacheClient, claim: Claim, ttl: number): Promise<void> {
    const { key, token } = claim
    return this.#abandoned
      .get(client)!
      .giveBack(
        key,
        ttl,
        async () => this.#unasked.get(claim)?.has(client) || leave(client, key, token, 'mine', ''),
      )
  }

  #noteUnasked(claim: Claim, client: CacheClient): void {
    const unasked = this.#unasked.get(claim)
    if (unasked) unasked.add(client)
    else this.#unasked.set(claim, new Set([client]))
  }

  /**
   * One who asks in vain, since a majority has it, may be in the way for a moment: it is tried
   * again, until the next renewal.
   */
  async #restore(client: CacheClient, claim: Claim, fence: number, ttl: number): Promise<void> {
    const { key, token, about, ttl: usual } = claim
    this.#unasked.get(claim)?.delete(client)
    const until = performance.now() + usual / 3
    const { fence: fenceKey, receipt } = keysBeside(key)
    const args = [token, nextStep(), String(ttl), about, String(fence)]
    for (let pause = 10; ; pause *= 2) {
      const restored = await client.run(restoreScript, [key, fenceKey, receipt(token)], args, {
        timeout: renewalTimeout(usual),
      })
      const wait = pause * (0.5 + Math.random())
      if (restored !== 0 || performance.now() + wait > until) return
      await sleep(wait, undefined, { ref: false })
    }
  }

  /** Whether a majority did it. */
  async #agreed(
    key: string,
    question: (client: CacheClient) => Promise<boolean>,
  ): Promise<boolean> {
    const votes = await this.#ask(question, (done) => done)
    if (!votes.won && votes.failures.length >= this.#needed) throw this.#silent(key, votes.failures)
    return votes.won
  }

  #ask<R>(
    question: (client: CacheClient) => Promise<R>,
    agrees: (answer: R) => boolean,
  ): Promise<Votes<R>> {
    return majorityOf(this.#clients.map(question), agrees, this.#needed)
  }

  #silent(key: string, errors: readonly unknown[]): CacheError {
    return new CacheError(
      `No majority of the ${this.#clients.length} servers answered about ${key}. Check that they are up and reachable.`,
      { code: 'NO_MAJORITY', key, cause: errors[0] },
    )
  }
}

/**
 * A server that is slower than this is none of the majority, so that there is time left of the ttl.
 */
function answerTimeout(ttl: number): number {
  return Math.max(20, Math.min(1_000, Math.round(ttl / 4)))
}
