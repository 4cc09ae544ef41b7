import { defineScript, type Script, type ScriptDefinition } from '../client/script.js'
import announceLua from './announce.lua'
import announcedLua from './announced.lua'

/**
 * A script for `entries.change`: it changes what stands at KEYS[1], with `args` arguments, and
 * announces that in the same step. KEYS[2] are the intents of those who write it (`beginWrite`).
 * KEYS[3] and so on are `beside` further keys of the same slot, which `entries.change` is given as
 * well.
 *
 * @example
 * const increment = defineChange({ name: 'increment', args: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])", parse: Number })
 * await client.entries.change(increment, ['views'], ['2'])
 */
export function defineChange<R>({
  args,
  beside = 0,
  lua,
  functions = '',
  types,
  ...rest
}: ChangeDefinition<R>): Script<R> {
  return defineScript({
    ...rest,
    types: types ?? ['any', 'zset'],
    functions: `${announceLua}\n${functions}`,
    lua: `announce(KEYS[1], ARGV[${args + 1}], ARGV[${args + 2}], ARGV[${args + 3}], KEYS[${beside + 3}])\n${lua}`,
    after: announcedLua,
  })
}

export interface ChangeDefinition<R> extends Omit<ScriptDefinition<R>, 'after' | 'asks'> {
  /** How many arguments the script takes. */
  readonly args: number
  /** How many keys it takes behind the entry and its intents. Default 0. */
  readonly beside?: number
}
