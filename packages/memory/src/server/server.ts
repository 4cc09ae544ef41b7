import type { Size } from '@cache/core'
import { readOptions, sizeOption, timerDelay, unref, type OptionTable } from '@cache/core/internal'
import { Database } from './database.js'
import { hashCommands } from './commands/hashes.js'
import { keyCommands } from './commands/keys.js'
import { listCommands, pop, setCommands } from './commands/lists-and-sets.js'
import { sortedSetCommands } from './commands/sorted-sets.js'
import { streamCommands } from './commands/streams.js'
import { stringCommands } from './commands/strings.js'
import { reads, type CommandSpec, type Commands, type Context } from './commands/command.js'
import { integer } from './arguments.js'
import { OK, RedisError, Status, type ServerReply } from './reply.js'
import { Scripts } from './scripts.js'

export type Faults = {
  /** Commands get no reply while it is set. */
  silent?: boolean
  /** Commands are refused as if nobody listened. */
  refused?: boolean
  /** Ms by which replies are late. */
  slow?: number
  /** Commands that need memory are refused (`OOM`), as by a full server with `noeviction`. */
  outOfMemory?: boolean
}

/** A receiver of messages. */
export interface Listener {
  readonly channels: ReadonlySet<string>
  message(channel: string, payload: string): void
  /** The server has ended the connection. */
  killed(): void
  /** Keys that have changed, where it tracks them; `undefined`: all of them. */
  readonly invalidated?: ((keys: readonly string[] | undefined) => void) | undefined
  readonly prefixes?: readonly string[] | undefined
}

/** Options of `MemoryServer`. */
export interface MemoryServerOptions {
  /**
   * The memory that all keys may take together. If they take more after a command, the server
   * deletes the least recently used ones, as Redis does with the policy `allkeys-lru`. The bytes
   * are estimated: texts are counted exactly, collections by five of their members. Default: no
   * bound.
   */
  readonly maxBytes?: Size
}

/** The rows of `MemoryServerOptions`. */
const serverOptions = {
  maxBytes: sizeOption(),
} satisfies OptionTable<MemoryServerOptions>

/** The part of Redis that the patterns need, in memory: one database, and Lua scripts. */
export class MemoryServer {
  readonly database: Database
  readonly faults: Faults = {}
  readonly listeners = new Set<Listener>()
  readonly #scripts: Scripts
  readonly #context: Context
  readonly #commands: Commands
  readonly #waiting = new Set<() => boolean>()
  #offset = 0
  /** The time at which the script under way began. */
  #frozen: number | undefined
  #depth = 0

  readonly #maxBytes: number

  /** @throws {InvalidOptionError} if an option is wrong; the error names it. */
  constructor(options: MemoryServerOptions = {}) {
    const { maxBytes } = readOptions('MemoryServer', serverOptions, options)
    this.#maxBytes = maxBytes ?? 0
    this.database = new Database(() => this.now(), maxBytes)
    this.#scripts = new Scripts((args, isReadOnly) => this.#run(args, isReadOnly))
    this.#context = {
      database: this.database,
      now: () => this.now(),
      micros: () => this.micros(),
      publish: (channel, payload) => this.#publish(channel, payload),
      changed: (key) => {
        this.database.changed(key)
        this.#tellListeners(key)
      },
    }
    this.#commands = {
      ...stringCommands,
      ...hashCommands,
      ...listCommands,
      ...setCommands,
      ...sortedSetCommands,
      ...streamCommands,
      ...keyCommands,
      ...this.#serverCommands(),
    }
  }

  /** The server's clock, in µs. It stands still while a script runs, as in Redis. */
  micros(): number {
    if (this.#frozen !== undefined) return this.#frozen
    return Math.floor((performance.timeOrigin + performance.now() + this.#offset) * 1_000)
  }

  /** Ms. */
  now(): number {
    return Math.floor(this.micros() / 1_000)
  }

  /** Sets the clock to this many ms from the machine's. */
  setClock(offset: number): void {
    this.#offset = offset
  }

  /** Deletes all keys. */
  flush(): Status {
    this.database.clear()
    for (const { invalidated } of this.listeners) invalidated?.(undefined)
    return OK
  }

  /** The reply of one command; an error is a reply too. */
  execute(args: readonly string[]): ServerReply {
    const reply = this.#run(args, false)
    for (const key of this.database.evict()) this.#tellListeners(key)
    this.#wake()
    return reply
  }

  /**
   * Runs a command that may wait for a list (BLPOP, BRPOP), or any other one. `cancelled` returns
   * true once nobody waits for the reply any more.
   */
  blocking(
    args: readonly string[],
    done: (reply: ServerReply) => void,
    cancelled: () => boolean,
  ): void {
    const [name, ...rest] = args as [string, ...string[]]
    const how = /^B([LR])POP$/i.exec(name)?.[1]?.toUpperCase()
    if (how === undefined) return done(this.execute(args))
    const keys = rest.slice(0, -1)
    const timeout = Number(rest.at(-1)) * 1_000
    const attempt = (): boolean => {
      if (cancelled()) return true
      try {
        for (const key of keys) {
          const item = pop(this.#context, key, how === 'L' ? 'shift' : 'pop')
          if (item === null) continue
          done([key, item])
          return true
        }
      } catch (error) {
        done(error as RedisError)
        return true
      }
      return false
    }
    if (attempt()) return
    this.#waiting.add(attempt)
    if (timeout > 0)
      unref(setTimeout(() => this.#waiting.delete(attempt) && done(null), timerDelay(timeout)))
  }

  #wake(): void {
    for (const attempt of this.#waiting) if (attempt()) this.#waiting.delete(attempt)
  }

  #run(args: readonly string[], isReadOnly: boolean): ServerReply {
    const [name = '', ...rest] = args
    const spec = this.#commands[name.toUpperCase()]
    try {
      if (spec === undefined)
        throw new RedisError(
          this.#depth > 0
            ? 'ERR Unknown Redis command called from script'
            : `ERR unknown command '${name}'`,
        )
      if (rest.length < spec.least || (spec.most !== undefined && rest.length > spec.most))
        throw new RedisError(
          this.#depth > 0
            ? 'ERR Wrong number of args calling Redis command from script'
            : `ERR wrong number of arguments for '${name.toLowerCase()}' command`,
        )
      if (isReadOnly && spec.writes)
        throw new RedisError('ERR Write commands are not allowed from read-only scripts.')
      if (spec.grows && this.faults.outOfMemory)
        throw new RedisError("OOM command not allowed when used memory > 'maxmemory'.")
      return spec.run(this.#context, rest)
    } catch (error) {
      if (error instanceof RedisError) return error
      throw error
    }
  }

  #publish(channel: string, payload: string): number {
    let receivers = 0
    for (const listener of this.listeners) {
      if (!listener.channels.has(channel)) continue
      receivers++
      listener.message(channel, payload)
    }
    return receivers
  }

  #tellListeners(key: string): void {
    for (const { invalidated, prefixes = [] } of this.listeners)
      if (
        invalidated &&
        (prefixes.length === 0 || prefixes.some((prefix) => key.startsWith(prefix)))
      )
        invalidated([key])
  }

  #evaluate(isSha: boolean, isReadOnly: boolean): CommandSpec {
    return reads(2, (_, [script, count, ...rest]) => {
      const keys = integer(count)
      if (keys > rest.length)
        throw new RedisError("ERR Number of keys can't be greater than number of args")
      if (this.#depth > 0) throw new RedisError('ERR This Redis command is not allowed from script')
      this.#frozen = this.micros()
      this.#depth++
      try {
        return this.#scripts.run(
          isSha ? script! : this.#scripts.load(script!),
          rest.slice(0, keys),
          rest.slice(keys),
          isReadOnly,
        )
      } finally {
        this.#depth--
        this.#frozen = undefined
      }
    })
  }

  #serverCommands(): Commands {
    return {
      PING: reads(0, (_, [text]) => text ?? new Status('PONG')),
      ECHO: reads(1, (_, [text]) => text!),
      TIME: reads(0, () => {
        const micros = this.micros()
        return [String(Math.floor(micros / 1e6)), String(micros % 1e6)]
      }),
      PUBLISH: reads(2, (_, [channel, payload]) => this.#publish(channel!, payload!)),
      SPUBLISH: reads(2, (_, [channel, payload]) => this.#publish(channel!, payload!)),
      DBSIZE: reads(0, ({ database }) => database.keys().length),
      FLUSHALL: reads(0, () => this.flush()),
      FLUSHDB: reads(0, () => this.flush()),
      WAIT: reads(2, () => 0),
      ROLE: reads(0, () => ['master', 0, []]),
      INFO: reads(
        0,
        () =>
          '# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\ntcp_port:0\r\n' +
          `# Memory\r\nused_memory:${this.database.bytes}\r\nmaxmemory:${this.#maxBytes}\r\n` +
          `maxmemory_policy:${this.#maxBytes > 0 ? 'allkeys-lru' : 'noeviction'}\r\n`,
      ),
      EVAL: this.#evaluate(false, false),
      EVAL_RO: this.#evaluate(false, true),
      EVALSHA: this.#evaluate(true, false),
      EVALSHA_RO: this.#evaluate(true, true),
      SCRIPT: reads(1, (_, [what, ...rest]) => {
        switch (what!.toUpperCase()) {
          case 'LOAD':
            return this.#scripts.load(rest[0] ?? '')
          case 'EXISTS':
            return rest.map((sha) => (this.#scripts.has(sha) ? 1 : 0))
          case 'FLUSH':
            this.#scripts.clear()
            return OK
          default:
            throw new RedisError(`ERR unknown subcommand '${what}'`)
        }
      }),
      CONFIG: reads(1, (_, [what, name]) => {
        if (what!.toUpperCase() !== 'GET')
          throw new RedisError('ERR CONFIG is not supported in memory')
        return name === 'maxmemory-samples' ? [name, '5'] : []
      }),
      CLIENT: reads(1, (_, [what, ...rest]) => {
        if (what!.toUpperCase() === 'ID') return 1
        if (what!.toUpperCase() === 'INFO') return 'id=1 name= db=0 resp=2'
        if (
          what!.toUpperCase() === 'KILL' &&
          rest.map((one) => one.toUpperCase()).includes('PUBSUB')
        ) {
          const listeners = [...this.listeners]
          for (const listener of listeners) listener.killed()
          return listeners.length
        }
        return OK
      }),
    }
  }
}
