import type { Reply } from '../drivers/command.js'
import { timeLua } from '../client/time.js'
import { defineScript } from '../client/script.js'
import announceLua from './announce.lua'
import publishAnnouncementsLua from './publish-announcements.lua'
import beginWriteLua from './begin-write.lua'
import commitWriteLua from './commit-write.lua'
import discardLua from './discard.lua'
import expireLua from './expire.lua'
import fillLua from './fill.lua'
import giveUpLua from './give-up.lua'
import incrementLua from './increment.lua'
import intentsLua from './intents.lua'
import invalidateLua from './invalidate.lua'
import readLua from './read.lua'
import releaseLua from './release.lua'
import renewLua from './renew.lua'
import setValueLua from './set-value.lua'
import { KEY_TYPES, toStored, type Stored } from './stored.js'
import versionLua from './version.lua'

const isOne = (reply: Reply): boolean => reply === 1
export const readScript = /* @__PURE__ */ defineScript({
  name: 'entry read',
  lua: readLua,
  binary: true,
  readOnly: true,
  parse: (reply): Stored | undefined => {
    if (reply === null) return undefined
    const [value, life] = reply as readonly Reply[]
    return toStored(value!, life!)
  },
})

const FILL_OUTCOMES = ['lost', 'stored', 'newer'] as const

export const fillScript = /* @__PURE__ */ defineScript({
  name: 'entry fill',
  functions: announceLua + timeLua + intentsLua + setValueLua + versionLua,
  lua: fillLua,
  types: KEY_TYPES,
  after: publishAnnouncementsLua,
  parse: (reply) => FILL_OUTCOMES[reply as 0 | 1 | 2],
})

export const releaseScript = /* @__PURE__ */ defineScript({
  name: 'entry release',
  functions: timeLua + intentsLua,
  lua: releaseLua,
  types: KEY_TYPES,
  parse: isOne,
})

export const renewScript = /* @__PURE__ */ defineScript({
  name: 'entry renew',
  functions: timeLua + intentsLua,
  lua: renewLua,
  types: KEY_TYPES,
  parse: isOne,
})

export const giveUpScript = /* @__PURE__ */ defineScript({
  name: 'entry give up',
  functions: timeLua + intentsLua,
  lua: giveUpLua,
  types: KEY_TYPES,
  parse: isOne,
})

export const invalidateScript = /* @__PURE__ */ defineScript({
  name: 'entry invalidate',
  functions: announceLua + timeLua + intentsLua + versionLua,
  lua: invalidateLua,
  types: KEY_TYPES,
  after: publishAnnouncementsLua,
  parse: isOne,
})

export const discardScript = /* @__PURE__ */ defineScript({
  name: 'entry discard',
  lua: discardLua,
  parse: isOne,
})

export const expireScript = /* @__PURE__ */ defineScript({
  name: 'entry expire',
  functions: announceLua,
  lua: expireLua,
  after: publishAnnouncementsLua,
  parse: isOne,
})

export const incrementScript = /* @__PURE__ */ defineScript({
  name: 'entry increment',
  functions: announceLua + timeLua + intentsLua,
  lua: incrementLua,
  types: ['any', 'any', 'zset'],
  after: publishAnnouncementsLua,
  parse: Number,
})

export const beginWriteScript = /* @__PURE__ */ defineScript({
  name: 'entry beginWrite',
  functions: announceLua + timeLua + intentsLua,
  lua: beginWriteLua,
  types: KEY_TYPES,
  after: publishAnnouncementsLua,
  binary: true,
  parse: (reply): Buffer | undefined => (reply === 1 ? undefined : (reply as Buffer)),
})

export const commitWriteScript = /* @__PURE__ */ defineScript({
  name: 'entry commitWrite',
  functions: announceLua + timeLua + intentsLua + setValueLua + versionLua,
  lua: commitWriteLua,
  types: KEY_TYPES,
  after: publishAnnouncementsLua,
  parse: (reply) => String(reply) as 'stored' | 'kept' | 'deleted',
})
