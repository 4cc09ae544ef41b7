import type { Driver, Settle } from '../../drivers/driver.js'
import type { Argument, Command, Reply } from '../../drivers/command.js'
import {
  CacheError,
  CommandTimeoutError,
  ConnectionError,
  InvalidKeyError,
  InvalidOptionError,
  ServerError,
  summaryOf,
} from '../../errors.js'
import { redactedError } from '../../util/redact.js'
import type { Script } from '../script.js'
import { KeyOrder } from './key-order.js'
import { chunks, MOST_CALLS, request, type Parcel, type Request } from './batched-command.js'
import { channels, emit } from '../telemetry.js'
import { TickCalls, type Call } from './tick-calls.js'
import { groups, mget, TickReads } from './tick-reads.js'

/**
 * Sends commands; each reply or error in its place. The promise never rejects. `settle` may be told
 * of some before the others have come.
 */
export type Send = (
  commands: readonly Command[],
  timeout: number,
  settle: Settle,
) => Promise<readonly (Reply | CacheError)[]>

/**
 * Collects what one tick asks for and sends it together: reads as one MGET per group of keys, each
 * key asked once; calls of one script as one EVALSHA per group; other commands as they are. A lone
 * request waits for nothing but the end of its tick. Calls of scripts that change something are
 * executed in the order asked, those of each key (their first one) by themselves.
 *
 * Two callers share a read only while it is unsent: an answer on its way may be older than an
 * invalidation the second one knows of.
 */
export class Batch {
  readonly #driver: Driver
  readonly #onePlace: boolean
  readonly #send: Send
  readonly #maxInFlight: number
  /** What this tick asks for: few lanes, one for each timeout. */
  #lanes: Lane[] = []
  /** What is to leave, in this order. */
  readonly #loads: Load[] = []
  readonly #order = new KeyOrder(
    ({ call, timeout }) => this.#add(timeout, (calls) => calls.add(call)),
    (more) => {
      this.#inFlight += more
    },
  )
  #inFlight = 0
  #scheduled = false
  #leaving = false
  /**
   * Of a user without the permissions: some callers do without Redis, and nobody would hear of it.
   */
  #told = false

  constructor(driver: Driver, send: Send, maxInFlight: number) {
    this.#driver = driver
    this.#onePlace = driver.topology === 'standalone' || driver.topology === 'sentinel'
    this.#send = send
    this.#maxInFlight = maxInFlight
  }

  /** How many requests one call should have under way, so that it fits in beside others. */
  get atOnce(): number {
    return Math.max(1, Math.floor(this.#maxInFlight / 10))
  }

  /** What `of` makes of the value, or of `null` where there is none. */
  read<T>(key: string, timeout: number, of: (value: Buffer | null) => T | Promise<T>): Promise<T> {
    if (typeof key !== 'string') return Promise.reject(noKey(key))
    if (this.#inFlight >= this.#maxInFlight) return this.#refuse()
    const lane = this.#lane(timeout)
    const reads = (lane.reads ??= new TickReads(this.#onePlace))
    const asked = reads.size
    const { answer, place } = reads.ask(key)
    this.#inFlight += reads.size - asked
    return answer.then((values) => {
      const value = values[place]!
      if (value instanceof CacheError) throw value
      return of(value)
    })
  }

  /**
   * As `read`, of many at once, each group with a command of its own; an error stands in the place
   * of the keys it concerns.
   */
  async readMany(
    keys: readonly string[],
    timeout: number,
  ): Promise<readonly (Buffer | null | CacheError)[]> {
    for (const key of keys) if (typeof key !== 'string') throw noKey(key)
    const asked = groups(this.#driver, keys)
    const answers: (Reply | CacheError)[] = []
    for (const part of chunks(asked, this.atOnce))
      answers.push(
        ...(await Promise.all(
          part.map((group) =>
            this.command(mget(group), timeout).catch((error: CacheError) => error),
          ),
        )),
      )
    const valuesOf = (i: number): readonly (Buffer | null | CacheError)[] => {
      const reply = answers[i]!
      return reply instanceof CacheError
        ? asked[i]!.map(() => reply)
        : (reply as readonly (Buffer | null)[])
    }
    if (asked.length === 1) return valuesOf(0)
    const byKey = new Map<string, Buffer | null | CacheError>()
    for (const [i, group] of asked.entries())
      for (const [j, value] of valuesOf(i).entries()) byKey.set(group[j]!, value)
    return keys.map((key) => byKey.get(key)!)
  }

  call(
    script: Script<unknown>,
    keys: readonly string[],
    args: readonly Argument[],
    timeout: number,
  ): Promise<Reply> {
    for (const key of keys) if (typeof key !== 'string') return Promise.reject(noKey(key))
    for (const argument of args)
      if (typeof argument !== 'string' && !Buffer.isBuffer(argument))
        return Promise.reject(new InvalidOptionError('args', 'strings and Buffers', argument))
    if (this.#inFlight >= this.#maxInFlight) return this.#refuse()
    if (script.asks) return this.#add(timeout, (calls) => calls.ask(script, keys, args))
    const call: Call = { script, keys, args, ...request<Reply>() }
    if (keys.length > 0) this.#order.add(keys[0]!, { call, timeout })
    else this.#add(timeout, (calls) => calls.add(call))
    return call.promise
  }

  #add<R>(timeout: number, add: (calls: TickCalls) => R): R {
    const lane = this.#lane(timeout)
    const calls = (lane.calls ??= new TickCalls())
    const asked = calls.size
    const added = add(calls)
    this.#inFlight += calls.size - asked
    return added
  }

  command(command: Command, timeout: number): Promise<Reply> {
    if (this.#inFlight >= this.#maxInFlight) return this.#refuse()
    const { promise, resolve, reject } = request<Reply>()
    const lane = this.#lane(timeout)
    ;(lane.commands ??= []).push({ command, promise, resolve, reject })
    this.#inFlight++
    return promise
  }

  #refuse(): Promise<never> {
    return Promise.reject(
      new ConnectionError(
        `${this.#inFlight} requests are waiting for Redis, the most that "resilience.maxInFlight" allows. Send fewer at once, or raise it.`,
        { code: 'OVERLOADED' },
      ),
    )
  }

  #lane(timeout: number): Lane {
    if (!this.#scheduled) {
      this.#scheduled = true
      // After the promises that are settling now: what they go on to ask leaves in the same send.
      void SETTLED.then(this.#atEndOfTick)
    }
    for (const lane of this.#lanes) if (lane.timeout === timeout) return lane
    const lane: Lane = { timeout }
    this.#lanes.push(lane)
    return lane
  }

  readonly #atEndOfTick = (): void => process.nextTick(this.#flush)

  readonly #flush = (): void => {
    this.#scheduled = false
    this.#order.endTick()
    for (const lane of this.#lanes) this.#loads.push(...this.#loadsOf(lane))
    this.#lanes = []
    if (!this.#leaving) this.#leave()
  }

  /**
   * Loads leave a turn of the event loop apart where the server had better begin with one while the
   * next is made.
   */
  readonly #leave = (): void => {
    do {
      const { parcels, timeout } = this.#loads.shift()!
      void this.#sendAll(parcels, timeout)
    } while (this.#loads[0]?.apart === false)
    this.#leaving = this.#loads.length > 0
    if (this.#leaving) setImmediate(this.#leave)
  }

  #loadsOf({ timeout, reads, calls, commands = [] }: Lane): Load[] {
    const loads: Load[] = [
      { parcels: reads ? reads.parcels(this.#driver) : [], timeout, apart: false },
    ]
    let carried = 0
    for (const parcel of calls ? calls.parcels(this.#driver, this.#onePlace) : []) {
      if (this.#onePlace && carried >= MOST_CALLS) {
        loads.push({ parcels: [], timeout, apart: true })
        carried = 0
      }
      loads.at(-1)!.parcels.push(parcel)
      carried += parcel.requests
    }
    for (const { command, resolve, reject } of commands)
      loads.at(-1)!.parcels.push({ command, requests: 1, deliver: resolve, fail: reject })
    return loads
  }

  async #sendAll(parcels: readonly Parcel[], timeout: number): Promise<void> {
    const open: (Parcel | undefined)[] = parcels.slice()
    const unknown: Parcel[] = []
    const started = performance.now()
    const settle = (place: number, reply: Reply | CacheError): void => {
      const parcel = open[place]
      if (parcel === undefined) return
      open[place] = undefined
      if (parcel.again && reply instanceof ServerError && reply.code === 'NOSCRIPT')
        unknown.push(parcel.again())
      else this.#deliver(parcel, reply)
    }
    const replies = await this.#send(parcels.map(commandOf), timeout, settle).catch(
      (cause: unknown) => {
        const error = new CacheError('The driver threw instead of answering.', {
          code: 'DRIVER',
          cause: redactedError(cause),
        })
        return parcels.map(() => error)
      },
    )
    for (let place = 0; place < parcels.length; place++) settle(place, replies[place]!)
    if (unknown.length === 0) return
    const left = timeout - (performance.now() - started)
    if (left > 0) return this.#sendAll(unknown, left)
    for (const parcel of unknown) {
      const { name, key } = { name: parcel.command.args[0], key: parcel.command.keys[0] }
      const message = `${name} ${key ?? ''} was not executed: Redis did not know its script, and the ${Math.round(timeout)} ms were up before it could be sent again.`
      this.#deliver(parcel, new CommandTimeoutError(message, { command: name, key }))
    }
  }

  #deliver(parcel: Parcel, reply: Reply | CacheError): void {
    this.#inFlight -= parcel.requests
    if (!this.#told && reply instanceof ServerError && reply.code === 'NOPERM') {
      this.#told = true
      emit(channels.error, () => ({
        operation: 'send',
        error: reply,
        ...(reply.key !== undefined && { key: reply.key }),
      }))
    }
    // Also what is none of ours: a driver that answers with an error of another kind must not have
    // it taken for a reply.
    if (reply instanceof Error)
      parcel.fail(
        reply instanceof CacheError
          ? reply
          : new CacheError(
              `The driver answered with an error that is no CacheError: ${summaryOf(reply)}`,
              { code: 'DRIVER', cause: redactedError(reply) },
            ),
      )
    else parcel.deliver(reply)
  }
}

/** What is sent at once. */
interface Load {
  readonly parcels: Parcel[]
  readonly timeout: number
  /** Not in the same turn as the one before. */
  readonly apart: boolean
}

interface Lane {
  readonly timeout: number
  reads?: TickReads
  calls?: TickCalls
  commands?: (Request<Reply> & { readonly command: Command })[]
}

function noKey(key: unknown): InvalidKeyError {
  return new InvalidKeyError(
    `A key must be a string, but one is ${key === null ? 'null' : typeof key}.`,
  )
}

const commandOf = ({ command }: Parcel): Command => command
const SETTLED = Promise.resolve()
