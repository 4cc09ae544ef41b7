import type { CacheClient } from '@cache/core'
import { keysBeside } from '../companion-keys.js'
import { FENCE_MEMORY, PLACE_TTL, renewalTimeout, safe, type Busy, type Claim, type Granted, type Ground } from '../ground.js'
import type { Wakeups } from '../wakeups.js'
import { acquirePermitScript, extendPermitScript, inspectPermitsScript, leavePermitScript, type Occupancy } from './scripts.js'

/** What a token begins with: held together with others, or alone. */
export const SHARED = 's:'
export const EXCLUSIVE = 'x:'

/** Locks that several may hold at once, up to a number, or one alone. */
export class Permits implements Ground {
  readonly #client: CacheClient
  readonly #wakeups: Wakeups
  readonly #permits: string

  constructor(client: CacheClient, wakeups: Wakeups, permits: number) {
    this.#client = client
    this.#wakeups = wakeups
    this.#permits = String(permits)
  }

  newToken(): string {
    return this.#wakeups.newToken()
  }

  async take({ key, token, ttl, fair }: Claim, ticket?: string): Promise<Granted | Busy> {
    const { fence, queue, alive } = keysBeside(key)
    const left = performance.now()
    const place = ticket === undefined ? ['0', '0'] : [String(PLACE_TTL), ticket]
    const args = [token, String(ttl), this.#permits, String(FENCE_MEMORY), ...place, fair ? 'fair' : 'barge', this.#wakeups.channel]
    const outcome = await this.#client.run(acquirePermitScript, [key, fence, queue, alive], args)
    return outcome.held ? { ...outcome, deadline: left + safe(ttl) } : outcome
  }

  async extend({ key, token, ttl: usual }: Claim, ttl: number): Promise<number | undefined> {
    const left = performance.now()
    const mine = await this.#client.run(extendPermitScript, [key], [token, String(ttl)], { timeout: renewalTimeout(usual) })
    return mine ? left + safe(ttl) : undefined
  }

  leave({ key, token }: Claim): Promise<boolean> {
    const { queue, alive } = keysBeside(key)
    return this.#client.run(leavePermitScript, [key, queue, alive], [token, this.#wakeups.channel, this.#permits])
  }

  listen(token: string, wake: () => void): () => void {
    return this.#wakeups.listen(token, wake)
  }

  inspect(key: string): Promise<Occupancy> {
    return this.#client.run(inspectPermitsScript, [key, keysBeside(key).queue], [])
  }
}
