import type { Reply } from '../drivers/command.js'
import stampSource from './stamp.lua'

/** A stored value. */
export interface Stored {
  readonly value: Buffer
  /** The remaining life in ms; infinite if the value does not expire. */
  readonly life: number
}

/** The types of an entry, its lease and its intents. */
export const KEY_TYPES = ['string', 'string', 'zset'] as const

export function toStored(value: Reply, life: Reply): Stored {
  return { value: value as Buffer, life: life === -1 ? Infinity : (life as number) }
}

/** A Lua function for scripts: `stamp(value)` returns the stamp of a stored value, or `''`. */
export const stampLua: string = stampSource
