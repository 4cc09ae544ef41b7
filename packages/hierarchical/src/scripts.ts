import { defineScript, type Reply } from '@cache/core'
import groupTtlLua from './lua/group-ttl.lua'
import recordChangeLua from './lua/record-change.lua'
import recordMembershipLua from './lua/record-membership.lua'
import removeMembershipsLua from './lua/remove-memberships.lua'
import rotateGenerationsLua from './lua/rotate-generations.lua'
import writeGroupItemsLua from './lua/write-group-items.lua'

export const recordMembershipScript = /* @__PURE__ */ defineScript({
  name: 'membership record',
  lua: recordMembershipLua,
  types: ['hash'],
  parse: (reply) => reply === 1,
})
export const recordChangeScript = /* @__PURE__ */ defineScript({
  name: 'item change record',
  lua: recordChangeLua,
  types: ['hash'],
  parse: toStrings,
})
export const removeMembershipsScript = /* @__PURE__ */ defineScript({
  name: 'memberships remove',
  lua: removeMembershipsLua,
  types: ['hash'],
  parse: Number,
})
export const groupTtlScript = /* @__PURE__ */ defineScript({
  name: 'group ttl',
  lua: groupTtlLua,
  readOnly: true,
  parse: Number,
})
export const writeGroupItemsScript = /* @__PURE__ */ defineScript({
  name: 'group items write',
  lua: writeGroupItemsLua,
  types: ['hash'],
  parse: Number,
})
export const rotateGenerationsScript = /* @__PURE__ */ defineScript({
  name: 'generations rotate',
  lua: rotateGenerationsLua,
  types: ['list'],
  parse: toStrings,
})

function toStrings(reply: Reply): readonly string[] {
  return (reply as readonly Reply[]).map(String)
}
