import type { CacheClient } from '@cache/core'
import type { Workload } from '../workload.js'
import { asideWorkload } from './aside.js'
import { heldLockWorkload, lockWorkload } from './lock.js'
import { nearWorkload } from './near.js'
import { rateLimitWorkload } from './rate-limit.js'
import { versionedWorkload } from './versioned.js'
import { writeBehindWorkload } from './write-behind.js'
import { writeThroughWorkload } from './write-through.js'

/** Creates a workload for each pattern, on the clients of two services. */
export async function allWorkloads(
  [first, second]: readonly [CacheClient, CacheClient],
  { replicas }: { readonly replicas?: number } = {},
): Promise<readonly Workload[]> {
  return [
    asideWorkload(first),
    writeThroughWorkload(first),
    versionedWorkload(first),
    lockWorkload([first, second]),
    heldLockWorkload([first, second]),
    rateLimitWorkload(first),
    await nearWorkload([first, second]),
    writeBehindWorkload(first),
    ...(replicas ? [writeBehindWorkload(first, { replicas })] : []),
  ]
}
