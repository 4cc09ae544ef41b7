import { clusterHit } from './cluster-hit.js'
import { coldKey } from './cold-key.js'
import { coldStart } from './cold-start.js'
import { heap } from './heap.js'
import { groupInvalidation, hierarchy } from './hierarchy.js'
import { keys } from './keys.js'
import { lockQueue } from './lock-queue.js'
import { contended, lock, oneLockAtATime } from './locks.js'
import { growing, growth } from './growing.js'
import { memory } from './memory.js'
import { invalidation, nearHit } from './near.js'
import { outage } from './outage.js'
import { denied, exactWindow, gcraLimit, rateLimit } from './rate-limits.js'
import { placement } from './placement.js'
import { repeatedWrites } from './repeated-writes.js'
import type { Scenario } from './scenario.js'
import { clusterSizes, sizes } from './sizes.js'
import { bulk, hit, miss, oneAtATime, oneMissAtATime } from './speed.js'
import { staleFill } from './stale-fill.js'
import { bump, versionedRead } from './versions.js'
import { writeBehind } from './write-behind.js'

export const scenarios: readonly Scenario[] = [
  keys,
  hit,
  clusterHit,
  sizes,
  clusterSizes,
  oneAtATime,
  miss,
  oneMissAtATime,
  bulk,
  coldKey,
  staleFill,
  outage,
  rateLimit,
  exactWindow,
  gcraLimit,
  denied,
  lock,
  oneLockAtATime,
  contended,
  lockQueue,
  writeBehind,
  repeatedWrites,
  nearHit,
  heap,
  memory,
  invalidation,
  versionedRead,
  bump,
  hierarchy,
  groupInvalidation,
  placement,
  growing,
  growth,
  coldStart,
]
