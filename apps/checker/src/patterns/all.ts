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
import type { StartWork } from './work.js'
import { writeBehind } from './write-behind.js'
import { writeThrough } from './write-through.js'

/** Each pattern, and the same as it is usually written, which the checker has to catch. */
export const patterns = {
  aside: { ours: aside, naive: entries.aside },
  'write-through': { ours: writeThrough, naive: entries.writeThrough },
  'write-behind': { ours: writeBehind, naive: naiveWriteBehind.writeBehind },
  lock: { ours: lock, naive: naiveLock.lock },
  ratelimit: { ours: ratelimit, naive: naiveRatelimit.ratelimit },
  versioning: { ours: versioning, naive: entries.versioning },
  hierarchical: { ours: hierarchical, naive: entries.hierarchical },
  near: { ours: near, naive: entries.near },
} satisfies Record<string, { readonly ours: StartWork; readonly naive: StartWork }>

export type PatternName = keyof typeof patterns
export const patternNames = Object.keys(patterns) as PatternName[]
