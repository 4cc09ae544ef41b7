import type { CommandResult, Driver } from '../../drivers/driver.js'
import type { Argument, Command, Reply } from '../../drivers/command.js'
import {
  CacheError,
  CommandTimeoutError,
  ConnectionError,
  InvalidKeyError,
  InvalidOptionError,
  ServerError,
} from '../../errors.js'
import type { Script } from '../script.js'
import type { Send } from '../send-through.js'
import { Call } from './call.js'
import { KeyOrder } from './key-order.js'
import { MAX_CALLS_PER_COMMAND, chunks, Deferred, type BatchedCommand } from './batched-command.js'
import type { FailureLog } from '../failures/failure-log.js'
import { channels, emit } from '../telemetry.js'
import { TickCalls } from './tick-calls.js'
import { groups, mget, TickReads } from './tick-reads.js'

/**
 * Collects the requests of one tick and sends them together:
 *
 * - Reads become one MGET per group of keys, and each key is read once.
 * - Calls of one script become one EVALSHA per group.
 * - Other commands are sent as they are.
 *
 * A single request only waits for the end of its tick. Calls of scripts that change something are
 * executed in the order in which they were made, separately for each first key.
 *
 * Two callers share a read only until it is sent. A reply that is already on its way may be older
 * than an invalidation that the second caller knows of.
 */
export class Batch {
  readonly #driver: Driver
  readonly #singleServer: boolean
  readonly #send: Send
  readonly #maxInFlight: number
  readonly #failures: FailureLog
  /** The requests of this tick. There is one queue per timeout, so there are few. */
  #queues: CommandQueue[] = []
  /** The groups that are still to be sent, in this order. */
  readonly #sendGroups: SendGroup[] = []
  readonly #keyOrder = new KeyOrder(
    (call) => this.#add(call),
    (change) => {
      this.#inFlight += change
    },
  )
  #inFlight = 0
  #scheduled = false
  #sending = false
  /**
   * Whether a NOPERM error was reported. Some callers continue without Redis, so that nobody would
   * notice it otherwise.
   */
  #permissionErrorReported = false

  constructor(driver: Driver, send: Send, maxInFlight: number, failures: FailureLog) {
    this.#failures = failures
    this.#driver = driver
    this.#singleServer = driver.topology === 'standalone' || driver.topology === 'sentinel'
    this.#send = send
    this.#maxInFlight = maxInFlight
  }

  /** The maximum number of requests that wait for Redis. */
  get maxInFlight(): number {
    return this.#maxInFlight
  }

  /** How many requests one caller should have in flight, so that there is room for others. */
  get atOnce(): number {
    return Math.max(1, Math.floor(this.#maxInFlight / 10))
  }

  /**
   * Reads a key. Resolves to what `parse` returns for the value, or for `null` if there is none.
   */
  read<T>(
    key: string,
    timeout: number,
    parse: (value: Buffer | null) => T | Promise<T>,
  ): Promise<T> {
    if (typeof key !== 'string') return Promise.reject(notAString(key))
    if (this.#inFlight >= this.#maxInFlight) return this.#refuse()
    const queue = this.#queueFor(timeout)
    const reads = (queue.reads ??= new TickReads(this.#singleServer))
    const sizeBefore = reads.size
    const { values, index } = reads.add(key)
    this.#inFlight += reads.size - sizeBefore
    return values.promise.then((all) => {
      const value = all[index]!
      // Every read comes by here, and `instanceof CacheError` is slow.
      if (value === null || Buffer.isBuffer(value)) return parse(value)
      throw value
    })
  }

  /**
   * Reads many keys. Each group of keys has a command of its own. If a command fails, its error
   * stands in the place of each of its keys.
   */
  async readMany(
    keys: readonly string[],
    timeout: number,
  ): Promise<readonly (Buffer | null | CacheError)[]> {
    for (const key of keys) if (typeof key !== 'string') throw notAString(key)
    const keyGroups = groups(this.#driver, keys)
    const replies: (Reply | CacheError)[] = []
    for (const part of chunks(keyGroups, this.atOnce))
      replies.push(
        ...(await Promise.all(
          part.map((group) =>
            this.command(mget(group), timeout).catch((error: CacheError) => error),
          ),
        )),
      )
    const valuesOf = (i: number): readonly (Buffer | null | CacheError)[] => {
      const reply = replies[i]!
      return reply instanceof CacheError
        ? keyGroups[i]!.map(() => reply)
        : (reply as readonly (Buffer | null)[])
    }
    if (keyGroups.length === 1) return valuesOf(0)
    const byKey = new Map<string, Buffer | null | CacheError>()
    for (const [i, group] of keyGroups.entries())
      for (const [j, value] of valuesOf(i).entries()) byKey.set(group[j]!, value)
    return keys.map((key) => byKey.get(key)!)
  }

  /** Runs a script. Resolves to its parsed reply. */
  call<R>(
    script: Script<R>,
    keys: readonly string[],
    args: readonly Argument[],
    timeout: number,
  ): Promise<R> {
    for (const key of keys) if (typeof key !== 'string') return Promise.reject(notAString(key))
    for (const argument of args)
      if (typeof argument !== 'string' && !Buffer.isBuffer(argument))
        return Promise.reject(new InvalidOptionError('args', 'strings and Buffers', argument))
    if (this.#inFlight >= this.#maxInFlight) return this.#refuse()
    const call = new Call(script, keys, args, timeout)
    if (script.readOnly) return this.#addReadOnly(call).then((reply) => script.parse(reply))
    if (keys.length > 0) this.#keyOrder.add(call)
    else this.#add(call)
    return call.promise as Promise<R>
  }

  #add(call: Call): void {
    const queue = this.#queueFor(call.timeout)
    ;(queue.calls ??= new TickCalls()).add(call)
    this.#inFlight++
  }

  #addReadOnly(call: Call): Promise<Reply> {
    const queue = this.#queueFor(call.timeout)
    const calls = (queue.calls ??= new TickCalls())
    const sizeBefore = calls.size
    const reply = calls.addReadOnly(call)
    this.#inFlight += calls.size - sizeBefore
    return reply
  }

  command(command: Command, timeout: number): Promise<Reply> {
    if (this.#inFlight >= this.#maxInFlight) return this.#refuse()
    const single = new SingleCommand(command)
    const queue = this.#queueFor(timeout)
    ;(queue.commands ??= []).push(single)
    this.#inFlight++
    return single.promise
  }

  /** Returns the error for a request that is refused, because `waiting` others wait for Redis. */
  overloaded(waiting: number, key?: string): ConnectionError {
    const error = new ConnectionError(
      `${waiting} requests are waiting for Redis, which is the limit that ` +
        `"resilience.maxInFlight" sets. Send fewer at once, or raise the limit.`,
      { code: 'OVERLOADED', key },
    )
    this.#failures.failed(undefined, error)
    return error
  }

  #refuse(): Promise<never> {
    return Promise.reject(this.overloaded(this.#inFlight))
  }

  #queueFor(timeout: number): CommandQueue {
    if (!this.#scheduled) {
      this.#scheduled = true
      // This runs after the promises that are settling now, so that the requests of their
      // continuations are sent together with this tick's.
      void RESOLVED.then(this.#atEndOfTick)
    }
    for (const queue of this.#queues) if (queue.timeout === timeout) return queue
    const queue: CommandQueue = { timeout }
    this.#queues.push(queue)
    return queue
  }

  readonly #atEndOfTick = (): void => process.nextTick(this.#flush)

  readonly #flush = (): void => {
    this.#scheduled = false
    this.#keyOrder.endTick()
    for (const queue of this.#queues) this.#sendGroups.push(...this.#groupsOf(queue))
    this.#queues = []
    if (!this.#sending) this.#sendNext()
  }

  /**
   * Sends the next groups. Groups with `inNextTurn` are sent in separate turns of the event loop,
   * so that the server can start with one while the next is prepared.
   */
  readonly #sendNext = (): void => {
    do {
      const { commands, timeout } = this.#sendGroups.shift()!
      this.#sendAll(commands, timeout)
    } while (this.#sendGroups[0]?.inNextTurn === false)
    this.#sending = this.#sendGroups.length > 0
    if (this.#sending) setImmediate(this.#sendNext)
  }

  #groupsOf({ timeout, reads, calls, commands = [] }: CommandQueue): SendGroup[] {
    const groupsToSend: SendGroup[] = [
      { commands: reads ? reads.batchedCommands(this.#driver) : [], timeout, inNextTurn: false },
    ]
    let callCount = 0
    for (const command of calls ? calls.batchedCommands(this.#driver, this.#singleServer) : []) {
      if (this.#singleServer && callCount >= MAX_CALLS_PER_COMMAND) {
        groupsToSend.push({ commands: [], timeout, inNextTurn: true })
        callCount = 0
      }
      groupsToSend.at(-1)!.commands.push(command)
      callCount += command.requestCount
    }
    groupsToSend.at(-1)!.commands.push(...commands)
    return groupsToSend
  }

  #sendAll(commands: readonly BatchedCommand[], timeout: number): void {
    const deadline = performance.now() + timeout
    const results = this.#send(commands.map(commandOf), timeout)
    for (let i = 0; i < commands.length; i++) {
      const command = commands[i]!
      void results[i]!.then((result) => {
        if (command.withSource && result instanceof ServerError && result.code === 'NOSCRIPT')
          this.#sendSource(command.withSource(), deadline, timeout)
        else this.#deliver(command, result)
      })
    }
  }

  /** Sends a script to a server that does not know it, in the time that is left. */
  #sendSource(command: BatchedCommand, deadline: number, timeout: number): void {
    const remaining = deadline - performance.now()
    if (remaining > 0) this.#sendAll([command], remaining)
    else this.#deliver(command, resendTimeout(command.command, timeout))
  }

  #deliver(command: BatchedCommand, result: CommandResult): void {
    this.#inFlight -= command.requestCount
    // This comes before anything that publishes the error, which then has a known origin.
    if (result instanceof CacheError) this.#failures.failed(command.command, result)
    if (
      !this.#permissionErrorReported &&
      result instanceof ServerError &&
      result.code === 'NOPERM'
    ) {
      this.#permissionErrorReported = true
      emit(channels.error, () => ({
        operation: 'send',
        error: result,
        ...(result.key !== undefined && { key: result.key }),
      }))
    }
    if (result instanceof CacheError) {
      command.fail(result)
    } else {
      if (this.#failures.hasOutage) this.#failures.answered(command.command)
      command.deliver(result)
    }
  }
}

/** Commands that are sent to the driver together. */
interface SendGroup {
  readonly commands: BatchedCommand[]
  readonly timeout: number
  /** Whether the group is sent in the turn of the event loop after that of the previous group. */
  readonly inNextTurn: boolean
}

/** The requests of one tick that have the same timeout. */
interface CommandQueue {
  readonly timeout: number
  reads?: TickReads
  calls?: TickCalls
  commands?: SingleCommand[]
}

/** A command that is sent as it is. */
class SingleCommand extends Deferred<Reply> implements BatchedCommand {
  readonly command: Command
  readonly requestCount = 1

  constructor(command: Command) {
    super()
    this.command = command
  }

  deliver(reply: Reply): void {
    this.resolve(reply)
  }

  fail(error: CacheError): void {
    this.reject(error)
  }
}

function notAString(key: unknown): InvalidKeyError {
  return new InvalidKeyError(
    `A key must be a string, but one is ${key === null ? 'null' : typeof key}.`,
  )
}

function resendTimeout({ args: [name], keys: [key] }: Command, timeout: number): CacheError {
  const command = key === undefined ? name : `${name} ${key}`
  return new CommandTimeoutError(
    `${command} was not executed: Redis did not know its script, and the deadline of ` +
      `${Math.round(timeout)} ms passed before the script could be sent again.`,
    { command: name, key },
  )
}

const commandOf = ({ command }: BatchedCommand): Command => command
const RESOLVED = Promise.resolve()
