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

/**
 * Defines a script for `entries.changeTogether`. One call changes many entries, which are in one
 * slot, and announces all of them to near caches in the same step. So it can do once for all what
 * the calls of a script of `defineChange` would do once for each.
 *
 * - `KEYS[1]` to `KEYS[beside]` are further keys in the same slot.
 * - Then follow two keys for each entry: the entry and its lease.
 * - `ARGV[1]` is the number of entries. `ARGV[2]` to `ARGV[4]` belong to the announcement.
 * - `ARGV[5]` and the following are the arguments that `entries.changeTogether` was given.
 */
export function defineBulkChange<R>({
  beside,
  lua,
  functions = '',
  ...rest
}: BulkChangeDefinition<R>): Script<R> {
  const announceAll = `
if ARGV[2] ~= '' then
  local log = KEYS[${beside} + 2 * ARGV[1] + 1]
  for i = ${beside} + 1, ${beside} + 2 * ARGV[1], 2 do
    announce(KEYS[i], ARGV[2], ARGV[3], ARGV[4], log)
  end
end`
  return defineScript({
    ...rest,
    functions: `${announceLua}\n${functions}`,
    lua: `${announceAll}\n${lua}`,
    after: publishAnnouncementsLua,
    separate: true,
  })
}

export interface ChangeDefinition<R> extends Omit<ScriptDefinition<R>, 'after' | 'readOnly'> {
  /** The number of arguments of the script. */
  readonly args: number
  /** The number of its keys after the entry and its intents. Default 0. */
  readonly beside?: number
}

export interface BulkChangeDefinition<R> extends Omit<ScriptDefinition<R>, 'after' | 'readOnly'> {
  /** The number of the keys before the entries. */
  readonly beside: number
}
