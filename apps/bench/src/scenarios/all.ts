import { coldKey } from './cold-key.js'
import { groupInvalidation, hierarchy } from './hierarchy.js'
import { contended, lock, oneLockAtATime } from './locks.js'
import { growing, growth } from './growing.js'
import { memory } from './memory.js'
import { invalidation, nearHit } from './near.js'
import { outage } from './outage.js'
import { denied, rateLimit } from './rate-limits.js'
import { placement } from './placement.js'
import type { Scenario } from './scenario.js'
import { bulk, hit, miss, oneAtATime, oneMissAtATime } from './speed.js'
import { staleFill } from './stale-fill.js'
import { bump, versionedRead } from './versions.js'
import { writeBehind } from './write-behind.js'

export const scenarios: readonly Scenario[] = [
  hit,
  oneAtATime,
  miss,
  oneMissAtATime,
  bulk,
  coldKey,
  staleFill,
  outage,
  rateLimit,
  denied,
  lock,
  oneLockAtATime,
  contended,
  writeBehind,
  nearHit,
  memory,
  invalidation,
  versionedRead,
  bump,
  hierarchy,
  groupInvalidation,
  placement,
  growing,
  growth,
]
