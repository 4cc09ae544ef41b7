import type { CacheClient } from '@cache/core'
import { keysBeside } from '../companion-keys.js'
import type { AbandonedClaims } from '../../manager/abandoned-requests.js'
import { nextStep, renewalTimeout, safe, type Busy, type Claim, type Granted } from '../backend.js'
import { parseHolder, type LockGround, type LockInspection } from '../holder.js'
import type { Wakeups } from '../../manager/wakeups.js'
import {
  acquireAllScript,
  acquireScript,
  extendScript,
  inspectScript,
  leaveScript,
} from './scripts.js'

/** Locks in one Redis, or one Cluster: each decision is one script on the slot of the lock. */
export class Mutex implements LockGround {
  readonly tokenPerAttempt = false
  readonly #client: CacheClient
  readonly #wakeups: Wakeups
  readonly #abandoned: AbandonedClaims

  constructor(client: CacheClient, wakeups: Wakeups, abandoned: AbandonedClaims) {
    this.#client = client
    this.#wakeups = wakeups
    this.#abandoned = abandoned
  }

  newToken(): string {
    return this.#wakeups.newToken()
  }

  async take({ key, token, ttl, about, fair }: Claim, ticket = ''): Promise<Granted | Busy> {
    const left = performance.now()
    const args = [token, nextStep(), String(ttl), about, ticket, fair ? 'fair' : 'barge']
    const outcome = await this.#client.run(acquireScript, acquireKeys(key, token), args)
    return outcome.held ? { ...outcome, deadline: left + safe(ttl) } : outcome
  }

  async takeAll(claims: readonly Claim[]): Promise<readonly Granted[] | undefined> {
    const { token, ttl, about } = claims[0]!
    const keys = claims.flatMap(({ key }) => acquireKeys(key, token))
    if (this.#client.driver.group(keys).length > 1) return undefined
    const left = performance.now()
    const fences = await this.#client.run(acquireAllScript, keys, [
      token,
      nextStep(),
      String(ttl),
      about,
    ])
    return fences?.map((fence) => ({ held: true, fence, deadline: left + safe(ttl) }))
  }

  async extend(
    { key, token, ttl: usual }: Claim,
    _fence: number,
    ttl: number,
  ): Promise<number | undefined> {
    const left = performance.now()
    const remaining = await this.#client.run(
      extendScript,
      [key],
      [token, nextStep(), String(ttl)],
      { timeout: renewalTimeout(usual) },
    )
    return remaining > 0 ? left + safe(Math.min(ttl, remaining)) : undefined
  }

  leave({ key, token }: Claim): Promise<boolean> {
    return leave(this.#client, key, token, 'mine', this.#wakeups.channel)
  }

  abandon(claim: Claim, longest = claim.ttl): Promise<void> {
    return this.#abandoned.giveBack(claim.key, longest, () => this.leave(claim))
  }

  listen(token: string, wake: () => void): () => void {
    return this.#wakeups.listen(token, wake)
  }

  async inspect(key: string): Promise<LockInspection | undefined> {
    const found = await this.#client.run(inspectScript, [key, keysBeside(key).queue], [])
    return found && parseHolder(found)
  }

  forceRelease(key: string): Promise<boolean> {
    return leave(this.#client, key, this.newToken(), 'any', this.#wakeups.channel)
  }
}

/** In one Redis. `whose`: the token's own lock, or whoever has it. */
export function leave(
  client: CacheClient,
  key: string,
  token: string,
  whose: 'mine' | 'any',
  channel: string,
): Promise<boolean> {
  const { queue, alive, receipt } = keysBeside(key)
  return client.run(leaveScript, [key, receipt(token), queue, alive], [token, channel, whose])
}

/** What the scripts that acquire are given of a lock. */
export function acquireKeys(key: string, token: string): string[] {
  const { fence, receipt, queue, alive } = keysBeside(key)
  return [key, fence, receipt(token), queue, alive]
}
