import { createHash } from 'node:crypto'
import type { Reply } from '../drivers/command.js'
import { InvalidOptionError } from '../errors.js'
import foreignValuesLua from './foreign-values.lua'

/**
 * A Lua script that Redis identifies by its SHA-1. `defineScript` makes one, and `client.run` runs
 * it.
 */
export interface Script<R> {
  readonly name: string
  readonly source: string
  readonly sha: string
  readonly binary: boolean
  readonly readOnly: boolean
  readonly separate: boolean
  /** Converts the reply of one call into the result of `client.run`. */
  readonly parse: (reply: Reply) => R
}

export type KeyType = 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream' | 'any'

export interface ScriptDefinition<R> {
  /** The name in errors. */
  readonly name: string
  /**
   * The Lua body of one call, with the `KEYS` and `ARGV` of that call. It ends in `return`. All
   * keys of a call must be in one slot.
   */
  readonly lua: string
  /** Local Lua functions that the body uses. */
  readonly functions?: string
  /**
   * Lua that runs once, after the last call. It can do things together that `functions` has
   * collected from the calls.
   */
  readonly after?: string
  /**
   * The types that the keys of a call must have, or Lua that returns these types for `KEYS` and
   * `ARGV`. A key of another type makes the call fail. That key is then deleted and reported on
   * `cache:error`, and the call runs again. So everything that the call does before it has read all
   * of these keys must be safe to do twice.
   */
  readonly types?: readonly KeyType[] | string
  /**
   * Whether the types are checked before each call. Use this for calls that must not run again.
   * Default false.
   */
  readonly typesFirst?: boolean
  /** Whether bulk strings are returned as Buffers. Default false. */
  readonly binary?: boolean
  /**
   * Whether the script is read-only. Identical calls of one tick then run once, and calls of one
   * key do not wait for each other. Default false.
   */
  readonly readOnly?: boolean
  /**
   * Whether each call is a command of its own instead of being sent together with other calls of
   * its tick. Use this for a script whose call does the work of many: to combine its calls would
   * copy all of their keys and arguments in Lua. Default false.
   */
  readonly separate?: boolean
  /** Converts the reply of one call. */
  readonly parse: (reply: Reply) => R
}

/**
 * Defines a script whose calls of one tick are sent together, as one EVALSHA per group of keys.
 *
 * The calls run one after the other, in the order in which they were made. An error in one call,
 * thrown or returned, does not affect the others. If the server does not know the script
 * (NOSCRIPT), it is sent as EVAL.
 *
 * Source: https://redis.io/docs/latest/develop/programmability/eval-intro/
 *
 * @example
 * const lua = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
 * const increment = defineScript({ name: 'increment', lua, parse: Number })
 * await client.run(increment, ['views'], ['2'])
 */
export function defineScript<R>({
  name,
  lua,
  functions = '',
  after = '',
  types = [],
  typesFirst = false,
  binary = false,
  readOnly = false,
  separate = false,
  parse,
}: ScriptDefinition<R>): Script<R> {
  if (typeof lua !== 'string' || !/\breturn\b/.test(lua))
    throw new InvalidOptionError('lua', 'the body of a Lua function with a return', lua)
  if (typeof parse !== 'function')
    throw new InvalidOptionError('parse', 'a function from a reply to a result', parse)
  const source = loopOverCalls({
    functions:
      typeof types !== 'string' && types.length === 0
        ? functions
        : `${foreignValueCheck(types)}\n${functions}`,
    body: lua,
    after,
    dropsForeignValues: types.length > 0,
    typesFirst,
  })
  if (sources.size < MAX_SOURCES) sources.add(source)
  return {
    name,
    source,
    sha: createHash('sha1').update(source).digest('hex'),
    binary,
    readOnly,
    separate,
    parse,
  }
}

/**
 * Returns the sources of the scripts that this process has defined, so that you can load them into
 * a server (SCRIPT LOAD) before you use it.
 */
export function scriptSources(): readonly string[] {
  return [...sources]
}

const sources = new Set<string>()
const MAX_SOURCES = 1_000

/**
 * Returns Lua that runs the body once for each call. All calls have the same number of keys and
 * arguments.
 *
 * The last element of ARGV is the number of calls. With one call, the other elements are its
 * arguments. With several calls, the element before the last one has a character for each argument:
 * `=` if all calls have the same value, `-` if each call has its own. ARGV then holds the shared
 * values, followed by the own values, call by call.
 *
 * The reply holds the replies in order. If there are any, the failures follow (call, message, call,
 * message, …), and the deleted keys of another type (key, type, key, type, …): Redis takes longer
 * to reply with two empty tables than to run a small script. An error that says that another
 * server is responsible becomes the error of all calls, so that the Redis client can see it.
 */
function loopOverCalls({
  functions,
  body,
  after,
  dropsForeignValues,
  typesFirst,
}: {
  functions: string
  body: string
  after: string
  dropsForeignValues: boolean
  typesFirst: boolean
}): string {
  return `${functions}
local function call(KEYS, ARGV)
${body}
end
local replies, failures, redirectError = {}, {}, nil
local function attempt(keys, args)
  local succeeded, reply = pcall(call, keys, args)
  local failed = not succeeded and tostring(reply)
  if type(reply) == 'table' and reply.err then failed = reply.err end
  return reply, failed
end
local function run(i, keys, args)
  ${typesFirst ? 'drop_foreign_values(keys, args)' : ''}
  local reply, failed = attempt(keys, args)
${dropsForeignValues ? RETRY_WITHOUT_FOREIGN_VALUES : ''}  if failed then
    for _, code in ipairs({'READONLY ', 'MASTERDOWN ', 'CLUSTERDOWN '}) do
      local start = failed:find(code, 1, true)
      if start then redirectError = failed:sub(start) end
    end
    failures[#failures + 1] = i
    failures[#failures + 1] = failed
    reply = false
  end
  if reply == nil then reply = false end
  replies[i + 1] = reply
end
local calls = tonumber(table.remove(ARGV))
if calls == 1 then
  run(0, KEYS, ARGV)
else
  local kinds, shared, own, position = table.remove(ARGV), {}, {}, 0
  for j = 1, #kinds do
    if kinds:byte(j) == 61 then
      position = position + 1
      shared[j] = ARGV[position]
    else
      shared[j] = ''
      own[#own + 1] = j
    end
  end
  local keysPerCall, unpacked = #KEYS / calls, math.min(#shared, 100)
  for i = 0, calls - 1 do
    local keys, args = {}, {unpack(shared, 1, unpacked)}
    for j = 1, keysPerCall do keys[j] = KEYS[i * keysPerCall + j] end
    for j = 101, #shared do args[j] = shared[j] end
    for j = 1, #own do args[own[j]] = ARGV[position + j] end
    position = position + #own
    run(i, keys, args)
  end
end
if redirectError then return redis.error_reply(redirectError) end
${after}
if #failures > 0${dropsForeignValues ? ' or #foreign > 0' : ''} then
  replies[calls + 1] = failures
${dropsForeignValues ? '  replies[calls + 2] = foreign\n' : ''}end
return replies`
}

const RETRY_WITHOUT_FOREIGN_VALUES = `
  local wrongType = failed and failed:find('WRONGTYPE', 1, true)
  if wrongType and drop_foreign_values(keys, args) then
    reply, failed = attempt(keys, args)
  end
`

function foreignValueCheck(types: readonly KeyType[] | string): string {
  const body =
    typeof types === 'string' ? types : `return {${types.map((type) => `'${type}'`).join(', ')}}`
  return `local function typesOf(KEYS, ARGV) ${body} end\n${foreignValuesLua}`
}
