import { createHash } from 'node:crypto'
import type { Reply } from '../drivers/command.js'
import { InvalidOptionError } from '../errors.js'
import foreignValuesLua from './foreign-values.lua'

/** A Lua script that Redis knows by its SHA-1; made by `defineScript`, run by `client.run`. */
export interface Script<R> {
  readonly name: string
  readonly source: string
  readonly sha: string
  readonly binary: boolean
  readonly asks: boolean
  /** Turns the reply of one call into what `client.run` resolves to. */
  readonly parse: (reply: Reply) => R
}

export type KeyType = 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream' | 'any'

export interface ScriptDefinition<R> {
  readonly name: string
  /**
   * The body of one call, with its own `KEYS` and `ARGV`, ending in `return`. All keys of a call
   * lie in one slot.
   */
  readonly lua: string
  /** Local functions that the body uses. */
  readonly functions?: string
  /**
   * Run once, behind the last of the calls: what `functions` has gathered of them can be done
   * together.
   */
  readonly after?: string
  /**
   * The type that each of a call's keys is to have, where it matters; or Lua that returns these for
   * `KEYS` and `ARGV`. A key of another type makes the call fail. Then that key is deleted, which
   * is reported on `cache:error`, and the call is made again. So what the call does before it reads
   * all of these keys must be safe to do twice.
   */
  readonly types?: readonly KeyType[] | string
  /** Looks at the types before each call: for one that can't be made again. */
  readonly typesFirst?: boolean
  /** Bulk strings come back as Buffers. */
  readonly binary?: boolean
  /** It changes nothing: calls of one tick that ask the same are asked once. */
  readonly asks?: boolean
  readonly parse: (reply: Reply) => R
}

/**
 * A script whose calls of one tick travel together: one EVALSHA per group of keys, each call
 * decided after the one before it, in the order asked; an error in one, thrown or returned, does
 * not touch the others. Sent as EVAL when the server does not know it (NOSCRIPT).
 *
 * Source: https://redis.io/docs/latest/develop/programmability/eval-intro/
 *
 * @example
 * const increment = defineScript({ name: 'increment', lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])", parse: Number })
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
  asks = false,
  parse,
}: ScriptDefinition<R>): Script<R> {
  if (typeof lua !== 'string' || !/\breturn\b/.test(lua))
    throw new InvalidOptionError('lua', 'the body of a Lua function with a return', lua)
  if (typeof parse !== 'function')
    throw new InvalidOptionError('parse', 'a function from a reply to a result', parse)
  const source = overCalls({
    functions:
      typeof types !== 'string' && types.length === 0
        ? functions
        : `${foreignValueCheck(types)}\n${functions}`,
    body: lua,
    after,
    dropsForeign: types.length > 0,
    typesFirst,
  })
  if (sources.size < MAX_SOURCES) sources.add(source)
  return { name, source, sha: createHash('sha1').update(source).digest('hex'), binary, asks, parse }
}

/**
 * The sources of the scripts that this process has defined, so that a server can be given them
 * (SCRIPT LOAD) before it is used.
 */
export function scriptSources(): readonly string[] {
  return [...sources]
}

const sources = new Set<string>()
const MAX_SOURCES = 1_000

/**
 * Runs the body once for each call; each has the same number of keys and arguments. The last of
 * ARGV is the number of calls. Of a lone call the arguments are the rest. Of several, the one
 * before it says of each argument whether it is the same in all calls ('='), and then it comes
 * once, or each call's own ('-'): first those, then these call by call. Returns the replies in
 * order; behind them the failures: call, message, call, message, …; and what was deleted since it
 * was of another type: key, type, key, type, … An error that says that another server is the right
 * one is the error of all calls, so that the client can see it.
 */
function overCalls({
  functions,
  body,
  after,
  dropsForeign,
  typesFirst,
}: {
  functions: string
  body: string
  after: string
  dropsForeign: boolean
  typesFirst: boolean
}): string {
  return `${functions}
local function call(KEYS, ARGV)
${body}
end
local replies, failures, elsewhere = {}, {}, nil
local function attempt(keys, args)
  local done, reply = pcall(call, keys, args)
  local failed = not done and tostring(reply)
  if type(reply) == 'table' and reply.err then failed = reply.err end
  return reply, failed
end
local function run(i, keys, args)
${typesFirst ? '  drop_foreign_values(keys, args)\n' : ''}  local reply, failed = attempt(keys, args)
${dropsForeign ? "  if failed and failed:find('WRONGTYPE', 1, true) and drop_foreign_values(keys, args) then reply, failed = attempt(keys, args) end\n" : ''}  if failed then
    for _, code in ipairs({'READONLY ', 'MASTERDOWN ', 'CLUSTERDOWN '}) do
      if failed:find(code, 1, true) then elsewhere = failed:sub((failed:find(code, 1, true))) end
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
  local which, shared, own, place = table.remove(ARGV), {}, {}, 0
  for j = 1, #which do
    if which:byte(j) == 61 then
      place = place + 1
      shared[j] = ARGV[place]
    else
      shared[j] = ''
      own[#own + 1] = j
    end
  end
  local each, few = #KEYS / calls, math.min(#shared, 100)
  for i = 0, calls - 1 do
    local keys, args = {}, {unpack(shared, 1, few)}
    for j = 1, each do keys[j] = KEYS[i * each + j] end
    for j = 101, #shared do args[j] = shared[j] end
    for j = 1, #own do args[own[j]] = ARGV[place + j] end
    place = place + #own
    run(i, keys, args)
  end
end
if elsewhere then return redis.error_reply(elsewhere) end
${after}
replies[calls + 1] = failures
${dropsForeign ? 'replies[calls + 2] = foreign\n' : ''}return replies`
}

function foreignValueCheck(types: readonly KeyType[] | string): string {
  const body =
    typeof types === 'string' ? types : `return {${types.map((type) => `'${type}'`).join(', ')}}`
  return `local function typesOf(KEYS, ARGV) ${body} end\n${foreignValuesLua}`
}
