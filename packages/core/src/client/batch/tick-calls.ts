import type { Driver } from '../../drivers/driver.js'
import type { Argument, Reply } from '../../drivers/command.js'
import { CacheError, ServerError } from '../../errors.js'
import type { Script } from '../script.js'
import { channels, emit } from '../telemetry.js'
import { chunks, MOST_CALLS, request, type Parcel, type Request } from './batched-command.js'

export interface Call extends Request<Reply> {
  readonly script: Script<unknown>
  readonly keys: readonly string[]
  readonly args: readonly Argument[]
  /** Called first when its answer has come, or will not. */
  answered?: (error?: CacheError) => void
}

/**
 * The calls of scripts of a tick: those of one script and shape travel in one EVALSHA per group,
 * those of one key in the order asked.
 */
export class TickCalls {
  /** Few: a tick runs few scripts. */
  readonly #ofScripts: CallsOfScript[] = []
  /** Of scripts that only ask: who asks the same gets the same answer. */
  #asked: Map<string, Promise<Reply>> | undefined
  #size = 0

  /** How many calls there are. */
  get size(): number {
    return this.#size
  }

  /** A call of a script that changes nothing: who asks the same gets the same answer. */
  ask(script: Script<unknown>, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    const same = JSON.stringify([script.sha, script.binary, keys, args])
    const known = this.#asked?.get(same)
    if (known) return known
    const call: Call = { script, keys, args, ...request<Reply>() }
    ;(this.#asked ??= new Map()).set(same, call.promise)
    this.add(call)
    return call.promise
  }

  add(call: Call): void {
    let ofScript = this.#ofScripts.find((one) => one.script === call.script)
    if (!ofScript) this.#ofScripts.push((ofScript = new CallsOfScript(call.script)))
    ofScript.add(call)
    this.#size++
  }

  parcels(driver: Driver, onePlace: boolean): Parcel[] {
    const parcels: Parcel[] = []
    for (const { runs } of this.#ofScripts) {
      for (const run of runs)
        for (const calls of onePlace
          ? inParts(run.length <= MOST_CALLS ? [run] : [...byFirstKey(run).values()])
          : grouped(driver, run))
          parcels.push(parcelOf(calls))
    }
    return parcels
  }
}

/**
 * Calls with as many keys and arguments as each other go together, unless one would overtake
 * another of the same key.
 */
class CallsOfScript {
  readonly script: Script<unknown>
  readonly runs: Call[][] = []
  /** Those that may still grow, one for each shape. */
  #open: Call[][] = []
  /** Which of them a key is in, where there is more than one. */
  #byKey: Map<string, Call[]> | undefined

  constructor(script: Script<unknown>) {
    this.script = script
  }

  add(call: Call): void {
    let run = this.#open.find(
      ([first]) =>
        first!.keys.length === call.keys.length && first!.args.length === call.args.length,
    )
    if (this.#open.length > (run ? 1 : 0)) {
      const byKey = (this.#byKey ??= runsByKey(this.#open))
      if (call.keys.some((key) => byKey.has(key) && byKey.get(key) !== run)) {
        this.#open = []
        this.#byKey = undefined
        run = undefined
      }
    }
    if (run) run.push(call)
    else {
      run = [call]
      this.#open.push(run)
      this.runs.push(run)
    }
    if (this.#byKey) for (const key of call.keys) this.#byKey.set(key, run)
  }
}

function runsByKey(runs: Iterable<Call[]>): Map<string, Call[]> {
  const byKey = new Map<string, Call[]>()
  for (const run of runs) for (const { keys } of run) for (const key of keys) byKey.set(key, run)
  return byKey
}

/** A call whose own keys are in several places fails, so it goes alone. */
function grouped(driver: Driver, calls: readonly Call[]): (readonly Call[])[] {
  const isAlone = ({ keys }: Call): boolean => driver.group(keys).length > 1
  const byKey = byFirstKey(calls.filter((call) => !isAlone(call)))
  const together = driver
    .group([...byKey.keys()])
    .flatMap((keys) => inParts(keys.map((key) => byKey.get(key)!)))
  return [...together, ...calls.filter(isAlone).map((call) => [call])]
}

function byFirstKey(calls: readonly Call[]): Map<string, Call[]> {
  const byKey = new Map<string, Call[]>()
  for (const call of calls) {
    const key = call.keys[0] ?? ''
    const same = byKey.get(key)
    if (same) same.push(call)
    else byKey.set(key, [call])
  }
  return byKey
}

/**
 * No part is too large; the calls of one key are in one part, unless they are too many for that.
 */
function inParts(groups: readonly (readonly Call[])[]): Call[][] {
  const parts: Call[][] = []
  for (const group of groups) {
    const last = parts.at(-1)
    if (last && last.length + group.length <= MOST_CALLS) last.push(...group)
    else for (const part of chunks(group, MOST_CALLS)) parts.push([...part])
  }
  return parts
}

function parcelOf(calls: readonly Call[]): Parcel {
  const { script, args } = calls[0]!
  const keys = calls.length === 1 ? calls[0]!.keys : calls.flatMap((call) => call.keys)
  const rest: Argument[] = [
    String(keys.length),
    ...keys,
    ...(calls.length === 1 ? args : argumentsOf(calls)),
    String(calls.length),
  ]
  const fail = (error: CacheError): void => {
    for (const call of calls) {
      call.answered?.(error)
      call.reject(error)
    }
  }
  const deliver = (reply: Reply): void => deliverCalls(calls, reply as readonly Reply[])
  const parcel = (name: string, what: string): Parcel => ({
    command: { args: [name, what, ...rest], keys, binary: script.binary },
    requests: calls.length,
    deliver,
    fail,
  })
  return { ...parcel('EVALSHA', script.sha), again: () => parcel('EVAL', script.source) }
}

/**
 * Those that are the same in all calls, each call's own, and which are which: as `defineScript`
 * reads them.
 */
function argumentsOf(calls: readonly Call[]): Argument[] {
  const shared: Argument[] = []
  const own: number[] = []
  let which = ''
  const first = calls[0]!.args
  for (let j = 0; j < first.length; j++) {
    const same = calls.every(({ args }) => args[j] === first[j])
    which += same ? '=' : '-'
    if (same) shared.push(first[j]!)
    else own.push(j)
  }
  const owned = calls.flatMap(({ args }) => own.map((j) => args[j]!))
  return [...shared, ...owned, which]
}

function deliverCalls(calls: readonly Call[], replies: readonly Reply[]): void {
  const failed = failures(replies[calls.length] as readonly Reply[])
  reportForeignValue(calls[0]!.script, replies[calls.length + 1] as readonly Reply[] | undefined)
  for (let i = 0; i < calls.length; i++) {
    const call = calls[i]!
    const text = failed?.get(i)
    call.answered?.()
    if (text === undefined) call.resolve(replies[i]!)
    else
      call.reject(
        ServerError.fromReply(withoutPlace(text), {
          command: call.script.name,
          key: call.keys[0],
          args: call.args,
        }),
      )
  }
}

/** Told as call, message, call, message, … */
function failures(told: readonly Reply[]): Map<number, string> | undefined {
  if (told.length === 0) return undefined
  const failed = new Map<number, string>()
  for (let i = 0; i < told.length; i += 2) failed.set(told[i] as number, String(told[i + 1]))
  return failed
}

/** What a script deleted since no pattern could have written it, told as key, what it was, … */
function reportForeignValue(script: Script<unknown>, told: readonly Reply[] = []): void {
  for (let i = 0; i < told.length; i += 2) {
    const key = String(told[i])
    const message = `"${key}" held a value that this package does not write (${String(told[i + 1])}). It was deleted. Let nobody else use keys of this namespace.`
    emit(channels.error, () => ({
      operation: script.name,
      key,
      error: new CacheError(message, { code: 'FOREIGN_VALUE', key }),
    }))
  }
}

/** Redis before 7 puts the line of the script before the error it met there. */
function withoutPlace(text: string): string {
  return text.replace(/^(?:ERR )?(?:Error running script[^:]*:)?\s*@?user_script:\s*\d+:\s*/, '')
}
