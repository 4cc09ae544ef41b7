import { createHash } from 'node:crypto'
import { compile } from '../lua/compile.js'
import { library, standardLibrary } from '../lua/library.js'
import { LuaError, LuaTable, toText, type LuaFunction, type LuaValue } from '../lua/values.js'
import { OK, RedisError, Status, type ServerReply } from './reply.js'

/** Runs a command for a script. */
export type Execute = (args: readonly string[], isReadOnly: boolean) => ServerReply

interface Compiled {
  readonly run: LuaFunction
  readonly globals: LuaTable
}

/** Compiled Lua scripts, by their SHA-1. */
export class Scripts {
  readonly #compiled = new Map<string, Compiled>()
  readonly #execute: Execute
  #isReadOnly = false

  constructor(execute: Execute) {
    this.#execute = execute
  }

  /** Returns the SHA-1. @throws {RedisError} where the source is no Lua. */
  load(source: string): string {
    const sha = createHash('sha1').update(source, 'latin1').digest('hex')
    if (this.#compiled.has(sha)) return sha
    try {
      const { globals, strings } = standardLibrary()
      globals.set('redis', this.#redis())
      this.#compiled.set(sha, { run: compile(source)(globals, strings), globals })
    } catch (error) {
      throw new RedisError(`ERR Error compiling script (new function): ${(error as Error).message}`)
    }
    return sha
  }

  has(sha: string): boolean {
    return this.#compiled.has(sha)
  }

  clear(): void {
    this.#compiled.clear()
  }

  run(
    sha: string,
    keys: readonly string[],
    args: readonly string[],
    isReadOnly: boolean,
  ): ServerReply {
    const script = this.#compiled.get(sha.toLowerCase())
    if (script === undefined) throw new RedisError('NOSCRIPT No matching script. Please use EVAL.')
    script.globals.set('KEYS', LuaTable.of(keys))
    script.globals.set('ARGV', LuaTable.of(args))
    this.#isReadOnly = isReadOnly
    try {
      return toReply(script.run()[0])
    } catch (error) {
      throw error instanceof LuaError ? redisErrorOf(error.value) : error
    }
  }

  #redis(): LuaTable {
    const command = (args: readonly LuaValue[]): LuaValue => {
      const texts = args.map((arg) => {
        if (typeof arg === 'string') return arg
        if (typeof arg === 'number') return argumentOf(arg)
        throw new LuaError(
          errorTable('ERR Lua redis lib command arguments must be strings or integers'),
        )
      })
      return toLua(this.#execute(texts, this.#isReadOnly))
    }
    return library({
      call(...args) {
        const reply = command(args)
        if (reply instanceof LuaTable && reply.get('err') !== undefined) throw new LuaError(reply)
        return [reply]
      },
      pcall: (...args) => [command(args)],
      error_reply: (text) => [errorTable(toText(text))],
      status_reply: (text) => [tableOf('ok', toText(text))],
      sha1hex: (text) => [createHash('sha1').update(toText(text), 'latin1').digest('hex')],
      log: () => [],
      setresp: () => [],
      replicate_commands: () => [true],
      LOG_DEBUG: 0,
      LOG_VERBOSE: 1,
      LOG_NOTICE: 2,
      LOG_WARNING: 3,
    })
  }
}

/** As Redis writes a number that a script passes to a command: `%.17g`. */
function argumentOf(number: number): string {
  return Number.isInteger(number) && Math.abs(number) < 1e17 ? String(number) : String(number)
}

function tableOf(field: string, text: string): LuaTable {
  const table = new LuaTable()
  table.set(field, text)
  return table
}

function errorTable(text: string): LuaTable {
  return tableOf('err', text)
}

function redisErrorOf(value: LuaValue): RedisError {
  const text = value instanceof LuaTable ? value.get('err') : value
  const message = toText(text)
  return new RedisError(value instanceof LuaTable ? message : `ERR ${message}`)
}

function toLua(reply: ServerReply): LuaValue {
  if (reply === null) return false
  if (reply instanceof Status) return tableOf('ok', reply.text)
  if (reply instanceof RedisError) return errorTable(reply.message)
  return Array.isArray(reply) ? LuaTable.of(reply.map(toLua)) : (reply as string | number)
}

function toReply(value: LuaValue): ServerReply {
  if (value === undefined || value === false) return null
  if (value === true) return 1
  if (typeof value === 'number') return Math.trunc(value)
  if (typeof value === 'string') return value
  if (typeof value === 'function') return null
  const [err, ok] = [value.get('err'), value.get('ok')]
  if (typeof err === 'string') return new RedisError(err)
  if (typeof ok === 'string') return ok === 'OK' ? OK : new Status(ok)
  const replies: ServerReply[] = []
  for (let i = 1; value.get(i) !== undefined; i++) replies.push(toReply(value.get(i)))
  return replies
}
