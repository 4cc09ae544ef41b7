import type { Argument, Command, Driver, Reply, Settle } from './drivers/driver.js'
import { CacheError, ConnectionError, ServerError } from './errors.js'
import type { Script } from './script.js'

/** Sends commands; each reply or error in its place. The promise never rejects. `settle` may be told of some before the others have come. */
export type Send = (commands: readonly Command[], timeout: number, settle: Settle) => Promise<readonly (Reply | CacheError)[]>

/** No command carries more than this many calls or keys, so that no one waits behind a giant. */
const CEILING = 256

/**
 * Collects what one tick asks for and sends it together: reads as one MGET per group of keys, each key asked once; calls of one
 * script as one EVALSHA per group; other commands as they are. A lone request waits for nothing but the end of its tick.
 *
 * Two callers share a read only while it is unsent: an answer on its way may be older than an invalidation the second one knows of.
 */
export class Batch {
  readonly #driver: Driver
  readonly #oneGroup: boolean
  readonly #send: Send
  readonly #maxInFlight: number
  readonly #lanes = new Map<number, Lane>()
  #inFlight = 0
  #scheduled = false

  constructor(driver: Driver, send: Send, maxInFlight: number) {
    this.#driver = driver
    this.#oneGroup = driver.topology === 'standalone' || driver.topology === 'sentinel'
    this.#send = send
    this.#maxInFlight = maxInFlight
  }

  /** What `of` makes of the value, or of `null` where there is none. */
  read<T>(key: string, timeout: number, of: (value: Buffer | null) => T | Promise<T>): Promise<T> {
    if (this.#inFlight >= this.#maxInFlight) return this.#refuse()
    const { reads } = this.#lane(timeout)
    const asked = reads.size
    const { answer, place } = reads.ask(key)
    this.#inFlight += reads.size - asked
    return answer.then((values) => {
      const value = values[place]!
      if (value instanceof CacheError) throw value
      return of(value)
    })
  }

  /** As `read`, of many at once, each group with a command of its own; an error stands in the place of the keys it concerns. */
  async readMany(keys: readonly string[], timeout: number): Promise<readonly (Buffer | null | CacheError)[]> {
    const groups = this.#groups(keys)
    const replies = await Promise.all(groups.map((group) => this.command({ args: ['MGET', ...group], keys: group, binary: true }, timeout).catch((error: CacheError) => error)))
    const values = (i: number): readonly (Buffer | null | CacheError)[] => {
      const reply = replies[i]!
      return reply instanceof CacheError ? groups[i]!.map(() => reply) : (reply as readonly (Buffer | null)[])
    }
    if (groups.length === 1) return values(0)
    const byKey = new Map<string, Buffer | null | CacheError>()
    for (const [i, group] of groups.entries()) for (const [j, value] of values(i).entries()) byKey.set(group[j]!, value)
    return keys.map((key) => byKey.get(key)!)
  }

  call(script: Script<unknown>, keys: readonly string[], args: readonly Argument[], timeout: number): Promise<Reply> {
    if (this.#inFlight >= this.#maxInFlight) return this.#refuse()
    const { calls, asked } = this.#lane(timeout)
    const same = script.asks ? `${script.sha} ${keys.join(' ')} ${args.join(' ')}` : undefined
    const known = same === undefined ? undefined : asked.get(same)
    if (known) return known
    const call = { script, keys, args, ...request<Reply>() }
    let ofScript = calls.get(script)
    if (!ofScript) calls.set(script, (ofScript = new Map()))
    const arity = 1_000 * keys.length + args.length
    const alike = ofScript.get(arity)
    if (alike) alike.push(call)
    else ofScript.set(arity, [call])
    if (same !== undefined) asked.set(same, call.promise)
    this.#inFlight++
    return call.promise
  }

  command(command: Command, timeout: number): Promise<Reply> {
    if (this.#inFlight >= this.#maxInFlight) return this.#refuse()
    const asked = { command, ...request<Reply>() }
    this.#lane(timeout).commands.push(asked)
    this.#inFlight++
    return asked.promise
  }

  #refuse(): Promise<never> {
    return Promise.reject(
      new ConnectionError(`${this.#inFlight} requests are waiting for Redis, the most that "resilience.maxInFlight" allows. Send fewer at once, or raise it.`, { code: 'OVERLOADED' }),
    )
  }

  #lane(timeout: number): Lane {
    if (!this.#scheduled) {
      this.#scheduled = true
      // After the promises that are settling now: what they go on to ask leaves in the same send.
      void Promise.resolve().then(() => process.nextTick(() => this.#flush()))
    }
    let lane = this.#lanes.get(timeout)
    if (!lane) this.#lanes.set(timeout, (lane = { reads: new TickReads(this.#oneGroup), calls: new Map(), asked: new Map(), commands: [] }))
    return lane
  }

  #flush(): void {
    this.#scheduled = false
    const lanes = [...this.#lanes]
    this.#lanes.clear()
    for (const [timeout, lane] of lanes) void this.#sendAll(this.#parcels(lane), timeout)
  }

  async #sendAll(parcels: readonly Parcel[], timeout: number): Promise<void> {
    const unknown: Parcel[] = []
    const delivered = new Set<number>()
    const settle = (place: number, reply: Reply | CacheError): void => {
      if (delivered.has(place)) return
      delivered.add(place)
      const parcel = parcels[place]!
      if (parcel.again && reply instanceof ServerError && reply.code === 'NOSCRIPT') unknown.push(parcel.again)
      else this.#deliver(parcel, reply)
    }
    const replies = await this.#send(parcels.map(({ command }) => command), timeout, settle)
    for (let place = 0; place < parcels.length; place++) settle(place, replies[place]!)
    if (unknown.length > 0) await this.#sendAll(unknown, timeout)
  }

  #deliver(parcel: Parcel, reply: Reply | CacheError): void {
    this.#inFlight -= parcel.requests
    if (reply instanceof CacheError) parcel.fail(reply)
    else parcel.deliver(reply)
  }

  #parcels({ reads, calls, commands }: Lane): Parcel[] {
    const parcels: Parcel[] = []
    if (reads.size > 0) for (const keys of this.#groups(reads.keys)) parcels.push(readParcel(keys, reads))
    for (const ofScript of calls.values()) for (const alike of ofScript.values()) for (const group of this.#groupCalls(alike)) parcels.push(callParcel(group))
    for (const asked of commands) parcels.push({ command: asked.command, requests: 1, deliver: asked.resolve, fail: asked.reject })
    return parcels
  }

  #groups(keys: readonly string[]): (readonly string[])[] {
    return this.#driver.group(keys).flatMap((group) => chunks(group))
  }

  #groupCalls(calls: readonly Call[]): (readonly Call[])[] {
    if (this.#oneGroup || calls.length === 1) return chunks(calls)
    const byKey = new Map<string, Call[]>()
    for (const call of calls) {
      const key = call.keys[0] ?? ''
      const same = byKey.get(key)
      if (same) same.push(call)
      else byKey.set(key, [call])
    }
    return this.#driver.group([...byKey.keys()]).flatMap((keys) => chunks(keys.flatMap((key) => byKey.get(key)!)))
  }
}

interface Lane {
  readonly reads: TickReads
  /** By script, and by the number of keys and arguments: those go in one command. */
  readonly calls: Map<Script<unknown>, Map<number, Call[]>>
  /** Of scripts that only ask: who asks the same gets the same answer. */
  readonly asked: Map<string, Promise<Reply>>
  readonly commands: (Request<Reply> & { readonly command: Command })[]
}

interface Request<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(error: CacheError): void
}

interface Call extends Request<Reply> {
  readonly script: Script<unknown>
  readonly keys: readonly string[]
  readonly args: readonly Argument[]
}

/** One command and those it answers. */
interface Parcel {
  readonly command: Command
  readonly requests: number
  deliver(reply: Reply): void
  fail(error: CacheError): void
  /** The same with the script's source, for a server that does not know it. */
  readonly again?: Parcel
}

function request<T>(): Request<T> {
  let resolve!: (value: T) => void
  let reject!: (error: CacheError) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

type Value = Buffer | null | CacheError

/**
 * The plain reads of a tick. Where all keys are in one place, one promise carries all values and each reader takes the one in its
 * place, which is cheaper than a promise each; elsewhere no reader waits for a node that is none of its own.
 */
class TickReads {
  readonly #together: Request<readonly Value[]> | undefined
  readonly #readers = new Map<string, { readonly request: Request<readonly Value[]>; readonly place: number }>()
  readonly #values: Value[] = []
  #settled = 0

  constructor(onePlace: boolean) {
    if (onePlace) this.#together = request()
  }

  get size(): number {
    return this.#readers.size
  }

  get keys(): string[] {
    return [...this.#readers.keys()]
  }

  ask(key: string): { readonly answer: Promise<readonly Value[]>; readonly place: number } {
    let reader = this.#readers.get(key)
    if (!reader) {
      reader = this.#together ? { request: this.#together, place: this.#readers.size } : { request: request(), place: 0 }
      this.#readers.set(key, reader)
    }
    return { answer: reader.request.promise, place: reader.place }
  }

  settle(keys: readonly string[], values: readonly Value[]): void {
    if (!this.#together) {
      for (let i = 0; i < keys.length; i++) this.#readers.get(keys[i]!)!.request.resolve([values[i]!])
    } else if (keys.length === this.#readers.size) this.#together.resolve(values)
    else {
      for (let i = 0; i < keys.length; i++) this.#values[this.#readers.get(keys[i]!)!.place] = values[i]!
      this.#settled += keys.length
      if (this.#settled === this.#readers.size) this.#together.resolve(this.#values)
    }
  }
}

function readParcel(keys: readonly string[], reads: TickReads): Parcel {
  const fail = (error: CacheError): void => reads.settle(keys, keys.map(() => error))
  if (keys.length === 1) return { command: { args: ['GET', keys[0]!], keys, binary: true }, requests: 1, deliver: (value) => reads.settle(keys, [value as Value]), fail }
  return { command: { args: ['MGET', ...keys], keys, binary: true }, requests: keys.length, deliver: (values) => reads.settle(keys, values as readonly Value[]), fail }
}

function callParcel(calls: readonly Call[]): Parcel {
  const { script } = calls[0]!
  const keys = calls.flatMap((call) => call.keys)
  const rest: Argument[] = [String(keys.length), ...keys, String(calls.length)]
  for (const call of calls) for (const argument of call.args) rest.push(argument)
  const fail = (error: CacheError): void => { for (const call of calls) call.reject(error) }
  const deliver = (reply: Reply): void => deliverCalls(calls, reply as readonly Reply[])
  const parcel = (name: string, what: string): Parcel => ({ command: { args: [name, what, ...rest], keys, binary: script.binary }, requests: calls.length, deliver, fail })
  return { ...parcel('EVALSHA', script.sha), again: parcel('EVAL', script.source) }
}

function deliverCalls(calls: readonly Call[], replies: readonly Reply[]): void {
  const failures = replies[calls.length] as readonly Reply[]
  const failed = new Map<number, string>()
  for (let i = 0; i < failures.length; i += 2) failed.set(failures[i] as number, String(failures[i + 1]))
  for (let i = 0; i < calls.length; i++) {
    const call = calls[i]!
    const text = failed.get(i)
    if (text === undefined) call.resolve(replies[i]!)
    else call.reject(ServerError.fromReply(withoutPlace(text), { command: call.script.name, key: call.keys[0] }))
  }
}

/** Redis before 7 puts the line of the script before the error it met there. */
function withoutPlace(text: string): string {
  return text.replace(/^(?:ERR )?(?:Error running script[^:]*:)?\s*@?user_script:\s*\d+:\s*/, '')
}

function chunks<T>(all: readonly T[]): (readonly T[])[] {
  if (all.length <= CEILING) return [all]
  const cut: T[][] = []
  for (let i = 0; i < all.length; i += CEILING) cut.push(all.slice(i, i + CEILING))
  return cut
}
