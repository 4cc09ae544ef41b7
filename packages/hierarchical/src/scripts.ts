import { defineScript, type Reply } from '@cache/core'
import changeLua from './lua/change.lua'
import forgetLua from './lua/forget.lua'
import holdLua from './lua/hold.lua'
import lifeLua from './lua/life.lua'
import stageLua from './lua/stage.lua'
import turnLua from './lua/turn.lua'

const texts = (reply: Reply): readonly string[] => (reply as readonly Reply[]).map(String)

export const holdScript = defineScript({
  name: 'group hold',
  lua: holdLua,
  types: ['hash'],
  parse: (reply) => reply === 1,
})
export const changeScript = defineScript({
  name: 'item change',
  lua: changeLua,
  types: ['hash'],
  parse: texts,
})
export const forgetScript = defineScript({
  name: 'groups forget',
  lua: forgetLua,
  types: ['hash'],
  parse: Number,
})
export const lifeScript = defineScript({
  name: 'group life',
  lua: lifeLua,
  asks: true,
  parse: Number,
})
export const stageScript = defineScript({
  name: 'group stage',
  lua: stageLua,
  types: ['hash'],
  parse: Number,
})
export const turnScript = defineScript({
  name: 'group turn',
  lua: turnLua,
  types: ['list'],
  parse: texts,
})
