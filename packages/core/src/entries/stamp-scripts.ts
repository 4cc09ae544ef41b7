import { defineScript } from '../client/script.js'
import { timeLua } from '../client/time.js'
import { defineLease } from './define-lease.js'
import ensureEpochLua from './ensure-epoch.lua'
import { stampLua } from './stored.js'
import unlessStampLua from './unless-stamp.lua'

/** Requests the lease of an entry. A value with the stamp `ARGV[5]` is deleted instead of used. */
export const leaseUnlessStampScript = /* @__PURE__ */ defineLease({
  name: 'lease unless stamp',
  functions: stampLua,
  currentValue: unlessStampLua,
})

/** `readOnly`: two calls in one tick would get the same answer, so they are sent once. */
export const ensureEpochScript = /* @__PURE__ */ defineScript({
  name: 'epoch ensure',
  functions: timeLua,
  lua: ensureEpochLua,
  types: ['string'],
  readOnly: true,
  parse: String,
})
