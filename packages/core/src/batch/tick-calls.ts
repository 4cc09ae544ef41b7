import type { Argument, Driver, Reply } from '../drivers/driver.js'
import { ServerError, type CacheError } from '../errors.js'
import type { Script } from '../script.js'
import { chunks, request, type Parcel, type Request } from './parcel.js'

interface Call extends Request<Reply> {
  readonly script: Script<unknown>
  readonly keys: readonly string[]
  readonly args: readonly Argument[]
}

/** The calls of scripts of a tick: those of one script and shape travel in one EVALSHA per group. */
export class TickCalls {
  /** By script, and by the number of keys and arguments. */
  readonly #calls = new Map<Script<unknown>, Map<number, Call[]>>()
  /** Of scripts that only ask: who asks the same gets the same answer. */
  readonly #asked = new Map<string, Promise<Reply>>()
  #size = 0

  /** How many calls there are. */
  get size(): number {
    return this.#size
  }

  ask(script: Script<unknown>, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    const same = script.asks ? JSON.stringify([script.sha, keys, args]) : undefined
    const known = same === undefined ? undefined : this.#asked.get(same)
    if (known) return known
    const call = { script, keys, args, ...request<Reply>() }
    if (same !== undefined) this.#asked.set(same, call.promise)
    this.#add(call)
    return call.promise
  }

  parcels(driver: Driver, onePlace: boolean): Parcel[] {
    const parcels: Parcel[] = []
    for (const ofScript of this.#calls.values()) {
      for (const alike of ofScript.values()) for (const group of onePlace ? chunks(alike) : grouped(driver, alike)) parcels.push(parcelOf(group))
    }
    return parcels
  }

  #add(call: Call): void {
    let ofScript = this.#calls.get(call.script)
    if (!ofScript) this.#calls.set(call.script, (ofScript = new Map()))
    const shape = 1_000 * call.keys.length + call.args.length
    const alike = ofScript.get(shape)
    if (alike) alike.push(call)
    else ofScript.set(shape, [call])
    this.#size++
  }
}

function grouped(driver: Driver, calls: readonly Call[]): (readonly Call[])[] {
  const byKey = new Map<string, Call[]>()
  for (const call of calls) {
    const key = call.keys[0] ?? ''
    const same = byKey.get(key)
    if (same) same.push(call)
    else byKey.set(key, [call])
  }
  return driver.group([...byKey.keys()]).flatMap((keys) => chunks(keys.flatMap((key) => byKey.get(key)!)))
}

function parcelOf(calls: readonly Call[]): Parcel {
  const { script } = calls[0]!
  const keys = calls.length === 1 ? calls[0]!.keys : calls.flatMap((call) => call.keys)
  const rest: Argument[] = [String(keys.length), ...keys, String(calls.length)]
  for (const call of calls) for (const argument of call.args) rest.push(argument)
  const fail = (error: CacheError): void => { for (const call of calls) call.reject(error) }
  const deliver = (reply: Reply): void => deliverCalls(calls, reply as readonly Reply[])
  const parcel = (name: string, what: string): Parcel => ({ command: { args: [name, what, ...rest], keys, binary: script.binary }, requests: calls.length, deliver, fail })
  return { ...parcel('EVALSHA', script.sha), again: parcel('EVAL', script.source) }
}

function deliverCalls(calls: readonly Call[], replies: readonly Reply[]): void {
  const failed = failures(replies[calls.length] as readonly Reply[])
  for (let i = 0; i < calls.length; i++) {
    const call = calls[i]!
    const text = failed?.get(i)
    if (text === undefined) call.resolve(replies[i]!)
    else call.reject(ServerError.fromReply(withoutPlace(text), { command: call.script.name, key: call.keys[0] }))
  }
}

/** Told as call, message, call, message, … */
function failures(told: readonly Reply[]): Map<number, string> | undefined {
  if (told.length === 0) return undefined
  const failed = new Map<number, string>()
  for (let i = 0; i < told.length; i += 2) failed.set(told[i] as number, String(told[i + 1]))
  return failed
}

/** Redis before 7 puts the line of the script before the error it met there. */
function withoutPlace(text: string): string {
  return text.replace(/^(?:ERR )?(?:Error running script[^:]*:)?\s*@?user_script:\s*\d+:\s*/, '')
}
