import type { CommandResult, Driver } from '../../drivers/driver.js'
import { UNREAD, type Argument, type Command, type Reply } from '../../drivers/command.js'
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
import { get, mget, readGroups, TickReads, withoutWrongType, type Value } from './tick-reads.js'

/**
 * Collects the requests of one tick and sends them together:
 *
 * - Reads become one MGET per group of keys (`Driver.groupReads`), and each key is read once.
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
  async readMany(keys: readonly string[], timeout: number): Promise<readonly Value[]> {
    for (const key of keys) if (typeof key !== 'string') throw notAString(key)
    const keyGroups = readGroups(this.#driver, keys)
    const replies: (readonly Value[])[] = []
    for (const part of chunks(keyGroups, this.atOnce))
      replies.push(...(await Promise.all(part.map((group) => this.#readGroup(group, timeout)))))
    if (keyGroups.length === 1) return replies[0]!
    const byKey = new Map<string, Value>()
    for (const [i, values] of replies.entries())
      for (const [j, value] of values.entries()) byKey.set(keyGroups[i]![j]!, value)
    return keys.map((key) => byKey.get(key)!)
  }

  async #readGroup(keys: readonly string[], timeout: number): Promise<readonly Value[]> {
    const deadline = performance.now() + timeout
    const reply = await this.command(mget(keys), timeout).catch((error: CacheError) => error)
    if (reply instanceof CacheError) return keys.map(() => reply)
    const values = reply as readonly (Value | typeof UNREAD)[]
    if (!values.includes(UNREAD)) return values as readonly Value[]
    const remaining = Math.max(1, deadline - performance.now())
    const readAlone = (key: string): Promise<Value> =>
      this.command(get(key), remaining).then((value) => value as Value, withoutWrongType)
    return Promise.all(
      values.map((value, i) => (value === UNREAD ? readAlone(keys[i]!) : Promise.resolve(value))),
    )
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

  /**
   * The replies of several servers arrive one after the other in a turn of the event loop. What
   * their readers request next is sent together, at the end of the turn.
   */
  readonly #atEndOfTick = (): void =>
    void (this.#singleServer ? process.nextTick(this.#flush) : setImmediate(this.#flush))

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
          return this.#sendAgain([command.withSource()], deadline, timeout)
        this.#deliver(command, result)
        if (result instanceof CacheError) return
        const unread = command.unread?.(result) ?? []
        this.#inFlight += unread.length
        this.#sendAgain(unread, deadline, timeout)
      })
    }
  }

  /**
   * Sends commands in the time that is left: a script to a server that does not know it, and reads
   * that a combined read left open.
   */
  #sendAgain(commands: readonly BatchedCommand[], deadline: number, timeout: number): void {
    if (commands.length === 0) return
    const remaining = deadline - performance.now()
    if (remaining > 0) return this.#sendAll(commands, remaining)
    for (const command of commands) this.#deliver(command, resendTimeout(command.command, timeout))
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
    `${command} was not executed: the first server did not know its script or its key, and the ` +
      `deadline of ${Math.round(timeout)} ms passed before it could be sent again.`,
    { command: name, key },
  )
}

const commandOf = ({ command }: BatchedCommand): Command => command
const RESOLVED = Promise.resolve()
