import type { Reply } from '../drivers/command.js'
import { defineScript } from '../client/script.js'
import announceLua from './announce.lua'
import announcedLua from './announced.lua'
import beginWriteLua from './begin-write.lua'
import commitWriteLua from './commit-write.lua'
import discardLua from './discard.lua'
import expireLua from './expire.lua'
import fillLua from './fill.lua'
import giveUpLua from './give-up.lua'
import incrementLua from './increment.lua'
import intentsLua from './intents.lua'
import invalidateLua from './invalidate.lua'
import leaseLua from './lease.lua'
import readLua from './read.lua'
import releaseLua from './release.lua'
import renewLua from './renew.lua'
import stampLua from './stamp.lua'
import versionLua from './version.lua'

/** What is stored, and the ms it has left to live; infinite where it does not expire. */
export interface Stored {
  readonly value: Buffer
  readonly life: number
}

export interface LeaseReply {
  readonly status: 'hit' | 'bypass' | 'skip' | 'wait' | 'leased'
  readonly stored: Stored | undefined
  /** Ms until the lease in the way ends. */
  readonly remaining: number
}

/** Of an entry, its lease and its intents. */
const TYPES = ['string', 'string', 'zset'] as const
const one = (reply: Reply): boolean => reply === 1
const stored = (value: Reply, life: Reply): Stored => ({
  value: value as Buffer,
  life: life === -1 ? Infinity : (life as number),
})

export const readScript = defineScript({
  name: 'entry read',
  lua: readLua,
  binary: true,
  asks: true,
  parse: (reply): Stored | undefined => {
    if (reply === null) return undefined
    const [value, life] = reply as readonly Reply[]
    return stored(value!, life!)
  },
})

export const leaseScript = defineScript({
  name: 'entry lease',
  functions: intentsLua + stampLua,
  lua: leaseLua,
  types: [...TYPES, 'hash'],
  binary: true,
  parse: (reply): LeaseReply => {
    if (reply === 1) return { status: 'leased', stored: undefined, remaining: 0 }
    const [status, value, life, remaining] = reply as readonly Reply[]
    return {
      status: String(status) as LeaseReply['status'],
      stored: value === null ? undefined : stored(value!, life!),
      remaining: remaining as number,
    }
  },
})

const OUTCOMES = ['lost', 'stored', 'newer'] as const

export const fillScript = defineScript({
  name: 'entry fill',
  functions: announceLua + intentsLua + versionLua,
  lua: fillLua,
  types: TYPES,
  after: announcedLua,
  parse: (reply) => OUTCOMES[reply as 0 | 1 | 2],
})

export const releaseScript = defineScript({
  name: 'entry release',
  functions: intentsLua,
  lua: releaseLua,
  types: TYPES,
  parse: one,
})

export const renewScript = defineScript({
  name: 'entry renew',
  functions: intentsLua,
  lua: renewLua,
  types: TYPES,
  parse: one,
})

export const giveUpScript = defineScript({
  name: 'entry give up',
  functions: intentsLua,
  lua: giveUpLua,
  types: TYPES,
  parse: one,
})

export const invalidateScript = defineScript({
  name: 'entry invalidate',
  functions: announceLua + intentsLua + versionLua,
  lua: invalidateLua,
  types: TYPES,
  after: announcedLua,
  parse: one,
})

export const discardScript = defineScript({ name: 'entry discard', lua: discardLua, parse: one })

export const expireScript = defineScript({
  name: 'entry expire',
  functions: announceLua,
  lua: expireLua,
  after: announcedLua,
  parse: one,
})

export const incrementScript = defineScript({
  name: 'entry increment',
  functions: announceLua + intentsLua,
  lua: incrementLua,
  types: ['any', 'any', 'zset'],
  after: announcedLua,
  parse: Number,
})

export const beginWriteScript = defineScript({
  name: 'entry beginWrite',
  functions: announceLua + intentsLua,
  lua: beginWriteLua,
  types: TYPES,
  after: announcedLua,
  binary: true,
  parse: (reply): Buffer | undefined => (reply === 1 ? undefined : (reply as Buffer)),
})

export const commitWriteScript = defineScript({
  name: 'entry commitWrite',
  functions: announceLua + intentsLua + versionLua,
  lua: commitWriteLua,
  types: TYPES,
  after: announcedLua,
  parse: (reply) => String(reply) as 'stored' | 'kept' | 'deleted',
})
