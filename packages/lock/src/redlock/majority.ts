import { CacheError, createToken, type CacheClient } from '@cache/core'
import { keysBeside } from '../companion-keys.js'
import { FENCE_MEMORY, renewalTimeout, safe, type Busy, type Claim, type Granted } from '../ground.js'
import { parseHolder, type Found, type LockGround, type LockInspection } from '../holder.js'
import { acquireScript, extendScript, inspectScript, leaveScript, settleFenceScript } from '../mutex/scripts.js'
import { majorityOf, type Votes } from './votes.js'

/**
 * Locks that a majority of independent servers grants: one that is dead, hangs or has forgotten everything changes nothing.
 *
 * Source: https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/
 */
export class Majority implements LockGround {
  readonly #clients: readonly CacheClient[]
  readonly #needed: number

  constructor(clients: readonly CacheClient[]) {
    this.#clients = clients
    this.#needed = (clients.length + 1) / 2
  }

  newToken(): string {
    return createToken()
  }

  /**
   * Two rounds: a majority grants; then a majority remembers the highest of its fences, so that the next holder, whose majority has a
   * server in common with this one, gets a higher one.
   */
  async take(claim: Claim): Promise<Granted | Busy> {
    const { key, token, ttl, about } = claim
    const { fence, queue, alive } = keysBeside(key)
    const left = performance.now()
    const timeout = answerTimeout(ttl)
    const args = [token, String(ttl), about, String(FENCE_MEMORY), '0', '0', 'barge']
    const grants = await this.#ask((client) => client.run(acquireScript, [key, fence, queue, alive], args, { timeout }), ({ held }) => held)
    const highest = String(Math.max(...grants.agreed.map((grant) => (grant.held ? grant.fence : 0))))
    const settled = grants.won && (await this.#ask((client) => client.run(settleFenceScript, [key, fence], [token, highest, String(FENCE_MEMORY)], { timeout }), (mine) => mine)).won
    const deadline = left + safe(ttl)
    if (settled && performance.now() < deadline) return { held: true, fence: Number(highest), deadline }
    void this.leave(claim).catch(() => undefined)
    if (grants.failures.length >= this.#needed) throw this.#silent(key, grants.failures)
    return { held: false, again: Math.random() * Math.min(200, ttl / 2), ticket: '0' }
  }

  async extend({ key, token, ttl: usual }: Claim, ttl: number): Promise<number | undefined> {
    const left = performance.now()
    const votes = await this.#ask((client) => client.run(extendScript, [key], [token, String(ttl)], { timeout: renewalTimeout(usual) }), (mine) => mine)
    const deadline = left + safe(ttl)
    if (votes.won) return performance.now() < deadline ? deadline : undefined
    if (votes.against >= this.#needed) return undefined
    throw this.#silent(key, votes.failures)
  }

  /** On every server, also on those that did not answer when it was taken: they may have heard. */
  async leave({ key, token }: Pick<Claim, 'key' | 'token'>): Promise<boolean> {
    const { queue, alive } = keysBeside(key)
    const votes = await this.#ask((client) => client.run(leaveScript, [key, queue, alive], [token, '']), (mine) => mine)
    if (!votes.won && votes.failures.length >= this.#needed) throw this.#silent(key, votes.failures)
    return votes.won
  }

  /** Independent servers keep no common queue: who waits asks again after a random pause. */
  listen(): () => void {
    return () => undefined
  }

  async inspect(key: string): Promise<LockInspection | undefined> {
    const answers = await Promise.allSettled(this.#clients.map((client) => client.run(inspectScript, [key, keysBeside(key).queue], [])))
    const failures = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []))
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
    return { ...copies[0]!, remaining: copies.map(({ remaining }) => remaining).sort((a, b) => b - a)[this.#needed - 1]! }
  }

  async forceRelease(key: string): Promise<boolean> {
    return this.leave({ key, token: '' })
  }

  #ask<R>(question: (client: CacheClient) => Promise<R>, agrees: (answer: R) => boolean): Promise<Votes<R>> {
    return majorityOf(this.#clients.map(question), agrees, this.#needed)
  }

  #silent(key: string, errors: readonly unknown[]): CacheError {
    return new CacheError(`No majority of the ${this.#clients.length} servers answered about ${key}. Check that they are up and reachable.`, { code: 'NO_MAJORITY', key, cause: errors[0] })
  }
}

/** A server that is slower than this is none of the majority, so that there is time left of the ttl. */
function answerTimeout(ttl: number): number {
  return Math.max(20, Math.min(1_000, Math.round(ttl / 4)))
}
