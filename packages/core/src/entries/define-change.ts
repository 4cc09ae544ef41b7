import { defineScript, type Script, type ScriptDefinition } from '../client/script.js'
import announceLua from './announce.lua'
import publishAnnouncementsLua from './publish-announcements.lua'

/**
 * Defines a script for `entries.change`. It changes an entry, and announces the change to near
 * caches in the same step.
 *
 * - `KEYS[1]` is the entry.
 * - `KEYS[2]` holds the intents of its writers (`beginWrite`).
 * - `KEYS[3]` and the following are the `beside` further keys in the same slot. Pass them to
 *   `entries.change` as well.
 *
 * @example
 * const increment = defineChange({
 *   name: 'increment',
 *   args: 1,
 *   lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
 *   parse: Number,
 * })
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
  const [channel, from, sequence] = [1, 2, 3].map((i) => `ARGV[${args + i}]`)
  const log = `KEYS[${beside + 3}]`
  return defineScript({
    ...rest,
    types: types ?? ['any', 'zset'],
    functions: `${announceLua}\n${functions}`,
    lua: `announce(KEYS[1], ${channel}, ${from}, ${sequence}, ${log})\n${lua}`,
    after: publishAnnouncementsLua,
  })
}

export interface ChangeDefinition<R> extends Omit<ScriptDefinition<R>, 'after' | 'readOnly'> {
  /** The number of arguments of the script. */
  readonly args: number
  /** The number of its keys after the entry and its intents. Default 0. */
  readonly beside?: number
}
