import type { CacheClient } from '@cache/core'
import { keysBeside } from '../companion-keys.js'
import { FENCE_MEMORY, PLACE_TTL, renewalTimeout, safe, type Busy, type Claim, type Granted } from '../ground.js'
import { parseHolder, type LockGround, type LockInspection } from '../holder.js'
import type { Wakeups } from '../wakeups.js'
import { acquireAllScript, acquireScript, extendScript, inspectScript, leaveScript } from './scripts.js'

/** Locks in one Redis, or one Cluster: each decision is one script on the slot of the lock. */
export class Mutex implements LockGround {
  readonly #client: CacheClient
  readonly #wakeups: Wakeups

  constructor(client: CacheClient, wakeups: Wakeups) {
    this.#client = client
    this.#wakeups = wakeups
  }

  newToken(): string {
    return this.#wakeups.newToken()
  }

  async take({ key, token, ttl, about, fair }: Claim, ticket?: string): Promise<Granted | Busy> {
    const { fence, queue, alive } = keysBeside(key)
    const left = performance.now()
    const place = ticket === undefined ? ['0', '0'] : [String(PLACE_TTL), ticket]
    const outcome = await this.#client.run(acquireScript, [key, fence, queue, alive], [token, String(ttl), about, String(FENCE_MEMORY), ...place, fair ? 'fair' : 'barge'])
    return outcome.held ? { ...outcome, deadline: left + safe(ttl) } : outcome
  }

  async takeAll(claims: readonly Claim[]): Promise<readonly Granted[] | undefined> {
    const { token, ttl, about } = claims[0]!
    const keys = claims.flatMap(({ key }) => [key, ...Object.values(keysBeside(key))])
    if (this.#client.driver.group(keys).length > 1) return undefined
    const left = performance.now()
    const fences = await this.#client.run(acquireAllScript, keys, [token, String(ttl), about, String(FENCE_MEMORY)])
    return fences?.map((fence) => ({ held: true, fence, deadline: left + safe(ttl) }))
  }

  async extend({ key, token, ttl: usual }: Claim, ttl: number): Promise<number | undefined> {
    const left = performance.now()
    const mine = await this.#client.run(extendScript, [key], [token, String(ttl)], { timeout: renewalTimeout(usual) })
    return mine ? left + safe(ttl) : undefined
  }

  leave({ key, token }: Pick<Claim, 'key' | 'token'>): Promise<boolean> {
    const { queue, alive } = keysBeside(key)
    return this.#client.run(leaveScript, [key, queue, alive], [token, this.#wakeups.channel])
  }

  listen(token: string, wake: () => void): () => void {
    return this.#wakeups.listen(token, wake)
  }

  async inspect(key: string): Promise<LockInspection | undefined> {
    const found = await this.#client.run(inspectScript, [key, keysBeside(key).queue], [])
    return found && parseHolder(found)
  }

  forceRelease(key: string): Promise<boolean> {
    return this.leave({ key, token: '' })
  }
}
