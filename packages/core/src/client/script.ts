import { createHash } from 'node:crypto'
import type { Reply } from '../drivers/command.js'
import { InvalidOptionError } from '../errors.js'
import { lazy } from '../util/lazy.js'
import dropForeignValuesLua from './drop-foreign-values.lua'
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
  /**
   * Whether all calls get the same two tables `KEYS` and `ARGV`, which hold the keys and arguments
   * of each call in turn. That is faster. The body must not change, keep or return these tables.
   * Default false.
   */
  readonly sharedTables?: boolean
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
  sharedTables = false,
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
    functions,
    body: lua,
    after,
    dropForeignValues: types.length === 0 ? '' : typesOf(types) + dropForeignValuesLua,
    typesFirst,
    sharedTables,
  })
  if (sources.size < MAX_SOURCES) sources.add(source)
  const sha = lazy(() => createHash('sha1').update(source).digest('hex'))
  return {
    name,
    source,
    get sha() {
      return sha()
    },
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
 *
 * A single call that succeeds is the usual case. What only the others need is created after it: to
 * create the functions of a script takes a good part of its time.
 */
function loopOverCalls({
  functions,
  body,
  after,
  dropForeignValues,
  typesFirst,
  sharedTables,
}: {
  functions: string
  body: string
  after: string
  /** The function that drops values of another type. Empty without `types`. */
  dropForeignValues: string
  typesFirst: boolean
  sharedTables: boolean
}): string {
  const dropsForeignValues = dropForeignValues !== ''
  return `${dropsForeignValues ? foreignValuesLua : ''}
${typesFirst ? dropForeignValues : ''}
${functions}
local function call(KEYS, ARGV)
${body}
end
local calls, succeeded, reply = ARGV[#ARGV], nil, nil
ARGV[#ARGV] = nil
if calls == '1' then
  ${typesFirst ? 'drop_foreign_values(KEYS, ARGV)' : ''}
  succeeded, reply = pcall(call, KEYS, ARGV)
  local isError = type(reply) == 'table' and reply.err
  if succeeded and not isError${dropsForeignValues ? ' and #foreign == 0' : ''} then
    ${after}
    return {reply or false}
  end
end
${typesFirst ? '' : dropForeignValues}
local replies, failures, redirectError = {}, {}, nil
local function failureOf(succeeded, reply)
  if type(reply) == 'table' and reply.err then return reply.err end
  return not succeeded and tostring(reply)
end
local function finish(i, keys, args, succeeded, reply)
  local failed = failureOf(succeeded, reply)
${dropsForeignValues ? RETRY_WITHOUT_FOREIGN_VALUES : ''}  if not failed then
    replies[i + 1] = reply or false
    return
  end
  for _, code in ipairs({'READONLY ', 'MASTERDOWN ', 'CLUSTERDOWN '}) do
    local start = failed:find(code, 1, true)
    if start then redirectError = failed:sub(start) end
  end
  failures[#failures + 1] = i
  failures[#failures + 1] = failed
  replies[i + 1] = false
end
if calls == '1' then
  finish(0, KEYS, ARGV, succeeded, reply)
else
  calls = tonumber(calls)
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
  local keysPerCall = #KEYS / calls
${sharedTables ? TABLES_FOR_ALL : TABLES_FOR_EACH}
    for j = 1, #own do args[own[j]] = ARGV[position + j] end
    position = position + #own
    ${typesFirst ? 'drop_foreign_values(keys, args)' : ''}
    succeeded, reply = pcall(call, keys, args)
    if succeeded and type(reply) ~= 'table' then
      replies[i + 1] = reply or false
    else
      finish(i, keys, args, succeeded, reply)
    end
  end
end
if redirectError then return redis.error_reply(redirectError) end
${after}
if #failures > 0${dropsForeignValues ? ' or #foreign > 0' : ''} then
  replies[#replies + 1] = failures
${dropsForeignValues ? '  replies[#replies + 1] = foreign\n' : ''}end
return replies`
}

const TABLES_FOR_ALL = `  local keys, args = {}, shared
  for i = 0, calls - 1 do
    local before = i * keysPerCall
    for j = 1, keysPerCall do keys[j] = KEYS[before + j] end`

const TABLES_FOR_EACH = `  local keysUnpacked = math.min(keysPerCall, 100)
  local argsUnpacked = math.min(#shared, 100)
  for i = 0, calls - 1 do
    local before = i * keysPerCall
    local keys = {unpack(KEYS, before + 1, before + keysUnpacked)}
    for j = 101, keysPerCall do keys[j] = KEYS[before + j] end
    local args = {unpack(shared, 1, argsUnpacked)}
    for j = 101, #shared do args[j] = shared[j] end`

const RETRY_WITHOUT_FOREIGN_VALUES = `
  if failed and failed:find('WRONGTYPE', 1, true) and drop_foreign_values(keys, args) then
    succeeded, reply = pcall(call, keys, args)
    failed = failureOf(succeeded, reply)
  end
`

function typesOf(types: readonly KeyType[] | string): string {
  const body =
    typeof types === 'string' ? types : `return {${types.map((type) => `'${type}'`).join(', ')}}`
  return `local function typesOf(KEYS, ARGV) ${body} end\n`
}
