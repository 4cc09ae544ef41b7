import { defineScript, type Reply } from '@cache/core'
import decideLua from './decide.lua'
import nowLua from './now.lua'
import refundLua from './refund.lua'
import renewLua from './renew.lua'

/** What the server answered; times in µs of its clock. */
export interface Verdict {
  readonly now: number
  /** What was charged; 0: denied. */
  readonly granted: number
  readonly wait: number
  /** How long what was granted may be spent, where it was asked for to be spent later. */
  readonly hold: number
  readonly limits: readonly LimitVerdict[]
}

export interface LimitVerdict {
  readonly available: number
  readonly full: number
  readonly ready: number
  readonly mark: number
}

const one = (reply: Reply): boolean => reply === 1

export const decideScript = defineScript({ name: 'ratelimit decide', lua: `${nowLua}local peeking = false\n${decideLua}`, parse: verdict })

export const peekScript = defineScript({ name: 'ratelimit peek', lua: `${nowLua}local peeking = true\n${decideLua}`, asks: true, parse: verdict })

export const refundScript = defineScript({ name: 'ratelimit refund', lua: `${nowLua}${refundLua}`, parse: one })

export const renewScript = defineScript({ name: 'ratelimit renew', lua: `${nowLua}${renewLua}`, parse: one })

function verdict(reply: Reply): Verdict {
  const [now, granted, wait, hold, ...rest] = reply as readonly number[]
  const limits: LimitVerdict[] = []
  for (let i = 0; i < rest.length; i += 4) limits.push({ available: rest[i]!, full: rest[i + 1]!, ready: rest[i + 2]!, mark: rest[i + 3]! })
  return { now: now!, granted: granted!, wait: wait!, hold: hold!, limits }
}
