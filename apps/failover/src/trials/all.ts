import type { CacheClient } from '@cache/core'
import type { Trial } from '../trial.js'
import { asideTrial } from './aside.js'
import { heldLockTrial, lockTrial } from './lock.js'
import { nearTrial } from './near.js'
import { rateLimitTrial } from './rate-limit.js'
import { versionedTrial } from './versioned.js'
import { writeBehindTrial } from './write-behind.js'
import { writeThroughTrial } from './write-through.js'

/** Every pattern, on the clients of two services. */
export async function allTrials(
  [one, other]: readonly [CacheClient, CacheClient],
  { replicas }: { readonly replicas?: number } = {},
): Promise<readonly Trial[]> {
  return [
    asideTrial(one),
    writeThroughTrial(one),
    versionedTrial(one),
    lockTrial([one, other]),
    heldLockTrial([one, other]),
    rateLimitTrial(one),
    await nearTrial([one, other]),
    writeBehindTrial(one),
    ...(replicas ? [writeBehindTrial(one, { replicas })] : []),
  ]
}
