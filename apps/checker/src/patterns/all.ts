import * as entries from '../naive/entries.js'
import * as naiveLock from '../naive/lock.js'
import * as naiveRatelimit from '../naive/ratelimit.js'
import * as naiveWriteBehind from '../naive/write-behind.js'
import { aside } from './aside.js'
import { hierarchical } from './hierarchical.js'
import { lock } from './lock.js'
import { near } from './near.js'
import { ratelimit } from './ratelimit.js'
import { versioning } from './versioning.js'
import type { StartWorkload } from './workload.js'
import { writeBehind } from './write-behind.js'
import { writeThrough } from './write-through.js'

/** Each pattern, and a naive implementation that the checker has to detect. */
export const patterns = {
  aside: { real: aside, naive: entries.aside },
  'write-through': { real: writeThrough, naive: entries.writeThrough },
  'write-behind': { real: writeBehind, naive: naiveWriteBehind.writeBehind },
  lock: { real: lock, naive: naiveLock.lock },
  ratelimit: { real: ratelimit, naive: naiveRatelimit.ratelimit },
  versioning: { real: versioning, naive: entries.versioning },
  hierarchical: { real: hierarchical, naive: entries.hierarchical },
  near: { real: near, naive: entries.near },
} satisfies Record<string, { readonly real: StartWorkload; readonly naive: StartWorkload }>

export type PatternName = keyof typeof patterns
export const patternNames = Object.keys(patterns) as PatternName[]
