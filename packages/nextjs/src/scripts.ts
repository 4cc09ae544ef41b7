import { defineScript, type Reply } from '@cache/core'
import { timeLua } from '@cache/core/internal'
import claimRegenerationLua from './lua/claim-regeneration.lua'
import endRegenerationLua from './lua/end-regeneration.lua'
import ensureTagLua from './lua/ensure-tag.lua'
import readTagLua from './lua/read-tag.lua'
import revalidateTagLua from './lua/revalidate-tag.lua'
import tagStateLua from './lua/tag-state.lua'
import type { TagState } from './tag-state.js'

/** The state of a tag, and when its server said so by its own clock, in µs. */
export interface TagReading {
  readonly state: TagState | undefined
  readonly time: number
}

const tagScript = {
  functions: timeLua + tagStateLua,
  types: ['string'],
} as const

export const readTagScript = /* @__PURE__ */ defineScript({
  ...tagScript,
  name: 'next read tag',
  lua: readTagLua,
  readOnly: true,
  parse: parseReading,
})
/** `readOnly`: two calls in one tick would get the same answer, so they are sent once. */
export const ensureTagScript = /* @__PURE__ */ defineScript({
  ...tagScript,
  name: 'next ensure tag',
  lua: ensureTagLua,
  readOnly: true,
  parse: parseReading,
})
export const revalidateTagScript = /* @__PURE__ */ defineScript({
  ...tagScript,
  name: 'next revalidate tag',
  lua: revalidateTagLua,
  parse: () => undefined,
})
export const claimRegenerationScript = /* @__PURE__ */ defineScript({
  name: 'next claim regeneration',
  lua: claimRegenerationLua,
  types: ['string'],
  parse: Number,
})
export const endRegenerationScript = /* @__PURE__ */ defineScript({
  name: 'next end regeneration',
  lua: endRegenerationLua,
  types: ['string'],
  parse: (reply) => reply === 1,
})

function parseReading(reply: Reply): TagReading {
  const [text, time] = (reply as Reply[]).map(String) as [string, string]
  if (text === '') return { state: undefined, time: Number(time) }
  const [id, marked, expired, deadline] = text.split(' ').map(Number) as [
    number,
    number,
    number,
    number,
  ]
  return { state: { id, marked, expired, deadline }, time: Number(time) }
}
