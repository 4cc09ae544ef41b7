import type { CacheClient } from '@cache/core'
import type { AbandonedClaims } from '../../manager/abandoned-requests.js'
import { keysBeside } from '../companion-keys.js'
import {
  nextStep,
  renewalTimeout,
  safe,
  type Busy,
  type Claim,
  type Granted,
  type Ground,
} from '../backend.js'
import type { Wakeups } from '../../manager/wakeups.js'
import {
  acquirePermitScript,
  extendPermitScript,
  inspectPermitsScript,
  leavePermitScript,
  type Occupancy,
} from './scripts.js'

/** What a token begins with: held together with others, or alone. */
export const SHARED = 's:'
export const EXCLUSIVE = 'x:'

/** Locks that several may hold at once, up to a number, or one alone. */
export class Permits implements Ground {
  readonly tokenPerAttempt = false
  readonly #client: CacheClient
  readonly #wakeups: Wakeups
  readonly #abandoned: AbandonedClaims
  readonly #permits: string

  constructor(client: CacheClient, wakeups: Wakeups, abandoned: AbandonedClaims, permits: number) {
    this.#client = client
    this.#wakeups = wakeups
    this.#abandoned = abandoned
    this.#permits = String(permits)
  }

  newToken(): string {
    return this.#wakeups.newToken()
  }

  async take({ key, token, ttl, fair }: Claim, ticket = ''): Promise<Granted | Busy> {
    const { details, fence, receipt, queue, alive } = keysBeside(key)
    const left = performance.now()
    const args = [
      token,
      nextStep(),
      String(ttl),
      this.#permits,
      ticket,
      fair ? 'fair' : 'barge',
      this.#wakeups.channel,
    ]
    const outcome = await this.#client.run(
      acquirePermitScript,
      [key, details, fence, receipt(token), queue, alive],
      args,
    )
    return outcome.held ? { ...outcome, deadline: left + safe(ttl) } : outcome
  }

  async extend(
    { key, token, ttl: usual }: Claim,
    _fence: number,
    ttl: number,
  ): Promise<number | undefined> {
    const left = performance.now()
    const remaining = await this.#client.run(
      extendPermitScript,
      [key, keysBeside(key).details],
      [token, nextStep(), String(ttl)],
      { timeout: renewalTimeout(usual) },
    )
    return remaining > 0 ? left + safe(Math.min(ttl, remaining)) : undefined
  }

  leave({ key, token }: Claim): Promise<boolean> {
    const { details, receipt, queue, alive } = keysBeside(key)
    return this.#client.run(
      leavePermitScript,
      [key, details, receipt(token), queue, alive],
      [token, this.#wakeups.channel, this.#permits],
    )
  }

  abandon(claim: Claim, longest = claim.ttl): Promise<void> {
    return this.#abandoned.giveBack(claim.key, longest, () => this.leave(claim))
  }

  listen(token: string, wake: () => void): () => void {
    return this.#wakeups.listen(token, wake)
  }

  inspect(key: string): Promise<Occupancy> {
    return this.#client.run(inspectPermitsScript, [key, keysBeside(key).queue], [])
  }
}
