import luaparse from 'luaparse'
import type { Node } from './expressions.js'
import * as operations from './operations.js'
import { markParentheses, options } from './parentheses.js'
import { StatementWriter } from './statements.js'
import { LuaTable, type LuaFunction } from './values.js'

/**
 * Compiles Lua 5.1 to a JavaScript function. `luaparse` parses the source; each function of the
 * script becomes a JavaScript function of the same shape, so that the engine can optimise it.
 *
 * `goto`, coroutines and metatables beyond `__index` are not supported: no script here uses them.
 *
 * @throws {SyntaxError} with the line.
 */
export function compile(source: string): (globals: LuaTable, strings: LuaTable) => LuaFunction {
  const chunk = luaparse.parse(markParentheses(source), options)
  const body = new StatementWriter().chunk(chunk as unknown as Node)
  const make = new Function('op', 'LuaTable', 'globals', 'strings', body) as (
    op: typeof operations,
    table: typeof LuaTable,
    globals: LuaTable,
    strings: LuaTable,
  ) => LuaFunction
  return (globals, strings) => make(operations, LuaTable, globals, strings)
}
