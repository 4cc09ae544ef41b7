import { groupBy } from '../../util/group-by.js'
import type { Driver } from '../../drivers/driver.js'
import type { Argument, Command, Reply } from '../../drivers/command.js'
import { CacheError, ServerError } from '../../errors.js'
import type { Script } from '../script.js'
import { channels, emit } from '../telemetry.js'
import { chunks, MAX_CALLS_PER_COMMAND, type BatchedCommand } from './batched-command.js'
import type { Call } from './call.js'

/**
 * The calls of scripts of one tick. Calls with the same script and the same number of keys and
 * arguments become one EVALSHA per group. Calls of one key keep their order.
 */
export class TickCalls {
  /** An array, since a tick runs few scripts. */
  readonly #scripts: ScriptCalls[] = []
  /** The calls of read-only scripts. Callers who make the same call share its reply. */
  #readOnlyCalls: Map<string, Promise<Reply>> | undefined
  #size = 0

  /** The number of calls. */
  get size(): number {
    return this.#size
  }

  /** Adds a call of a read-only script, or joins the same call if there is one. */
  addReadOnly(call: Call): Promise<Reply> {
    const { script, keys, args } = call
    const promise = call.promise as Promise<Reply>
    const id = JSON.stringify([script.sha, script.binary, keys, args])
    const existing = this.#readOnlyCalls?.get(id)
    if (existing) return existing
    ;(this.#readOnlyCalls ??= new Map()).set(id, promise)
    this.add(call)
    return promise
  }

  add(call: Call): void {
    let calls = this.#scripts.find(({ script }) => script === call.script)
    if (!calls) this.#scripts.push((calls = new ScriptCalls(call.script)))
    calls.add(call)
    this.#size++
  }

  batchedCommands(driver: Driver, singleServer: boolean): BatchedCommand[] {
    const commands: BatchedCommand[] = []
    for (const { runs } of this.#scripts)
      for (const run of runs)
        for (const calls of singleServer ? splitByKey(run) : splitBySlot(driver, run))
          commands.push(new CombinedCalls(calls))
    return commands
  }
}

/**
 * The calls of one script, divided into runs. The calls of a run have the same number of keys and
 * arguments, and are executed together. A new run begins if a call would overtake another call of
 * the same key.
 */
class ScriptCalls {
  readonly script: Script<unknown>
  readonly runs: Call[][] = []
  /** The runs that may still grow. There is one for each number of keys and arguments. */
  #openRuns: Call[][] = []
  /** The open run that a key is in. Only maintained if there is more than one open run. */
  #runByKey: Map<string, Call[]> | undefined

  constructor(script: Script<unknown>) {
    this.script = script
  }

  add(call: Call): void {
    if (this.script.separate) {
      this.runs.push([call])
      return
    }
    let run = this.#openRuns.find(
      ([first]) =>
        first!.keys.length === call.keys.length && first!.args.length === call.args.length,
    )
    if (this.#openRuns.length > (run ? 1 : 0)) {
      const runByKey = (this.#runByKey ??= runsByKey(this.#openRuns))
      if (call.keys.some((key) => runByKey.has(key) && runByKey.get(key) !== run)) {
        this.#openRuns = []
        this.#runByKey = undefined
        run = undefined
      }
    }
    if (run) run.push(call)
    else {
      run = [call]
      this.#openRuns.push(run)
      this.runs.push(run)
    }
    if (this.#runByKey) for (const key of call.keys) this.#runByKey.set(key, run)
  }
}

function runsByKey(runs: Iterable<Call[]>): Map<string, Call[]> {
  const byKey = new Map<string, Call[]>()
  for (const run of runs) for (const { keys } of run) for (const key of keys) byKey.set(key, run)
  return byKey
}

/** For a single server, on which calls of all keys can be combined. */
function splitByKey(calls: readonly Call[]): readonly (readonly Call[])[] {
  return calls.length <= MAX_CALLS_PER_COMMAND
    ? [calls]
    : splitBySize([...groupBy(calls, firstKey).values()])
}

/** A call whose own keys are in different slots fails, so it is sent alone. */
function splitBySlot(driver: Driver, calls: readonly Call[]): (readonly Call[])[] {
  const spansSlots = ({ keys }: Call): boolean => driver.group(keys).length > 1
  const byKey = groupBy(
    calls.filter((call) => !spansSlots(call)),
    firstKey,
  )
  const grouped = driver
    .group([...byKey.keys()])
    .flatMap((keys) => splitBySize(keys.map((key) => byKey.get(key)!)))
  return [...grouped, ...calls.filter(spansSlots).map((call) => [call])]
}

function firstKey({ keys }: Call): string {
  return keys[0] ?? ''
}

/**
 * Combines groups into parts that are not too large. The calls of one key are in one part, unless
 * there are too many of them for that.
 */
function splitBySize(groups: readonly (readonly Call[])[]): Call[][] {
  const parts: Call[][] = []
  for (const group of groups) {
    const last = parts.at(-1)
    if (last && last.length + group.length <= MAX_CALLS_PER_COMMAND) last.push(...group)
    else for (const part of chunks(group, MAX_CALLS_PER_COMMAND)) parts.push([...part])
  }
  return parts
}

/** Calls of one script that are sent as one command. */
class CombinedCalls implements BatchedCommand {
  readonly command: Command
  readonly requestCount: number
  readonly #calls: readonly Call[]

  constructor(calls: readonly Call[], command = commandOf(calls)) {
    this.#calls = calls
    this.command = command
    this.requestCount = calls.length
  }

  deliver(reply: Reply): void {
    deliverCalls(this.#calls, reply as readonly Reply[])
  }

  fail(error: CacheError): void {
    for (const call of this.#calls) call.fail(error)
  }

  withSource(): BatchedCommand {
    const { args, ...command } = this.command
    const { source } = this.#calls[0]!.script
    return new CombinedCalls(this.#calls, { ...command, args: ['EVAL', source, ...args.slice(2)] })
  }
}

function commandOf(calls: readonly Call[]): Command {
  const first = calls[0]!
  const { script } = first
  const keys = calls.length === 1 ? first.keys : calls.flatMap((call) => call.keys)
  const args: Command['args'] = [
    'EVALSHA',
    script.sha,
    String(keys.length),
    ...keys,
    ...(calls.length === 1 ? first.args : combinedArguments(calls)),
    String(calls.length),
  ]
  return { args, keys, binary: script.binary }
}

/**
 * Returns the arguments that are the same in all calls, then those of each call, then the text that
 * says which argument is which. `defineScript` describes the format.
 */
function combinedArguments(calls: readonly Call[]): Argument[] {
  const shared: Argument[] = []
  const ownIndexes: number[] = []
  let kinds = ''
  const first = calls[0]!.args
  for (let j = 0; j < first.length; j++) {
    const isShared = calls.every(({ args }) => args[j] === first[j])
    kinds += isShared ? '=' : '-'
    if (isShared) shared.push(first[j]!)
    else ownIndexes.push(j)
  }
  const own = calls.flatMap(({ args }) => ownIndexes.map((j) => args[j]!))
  return [...shared, ...own, kinds]
}

function deliverCalls(calls: readonly Call[], replies: readonly Reply[]): void {
  const failures = failuresOf(replies[calls.length] as readonly Reply[] | undefined)
  reportForeignValues(calls[0]!.script, replies[calls.length + 1] as readonly Reply[] | undefined)
  for (let i = 0; i < calls.length; i++) {
    const call = calls[i]!
    const message = failures?.get(i)
    if (message === undefined) call.deliver(replies[i]!)
    else
      call.fail(
        ServerError.fromReply(withoutScriptPosition(message), {
          command: call.script.name,
          key: call.keys[0],
          args: call.args,
        }),
      )
  }
}

/** Parses the failures that a script reports as call, message, call, message, … */
function failuresOf(pairs: readonly Reply[] = []): Map<number, string> | undefined {
  if (pairs.length === 0) return undefined
  const failures = new Map<number, string>()
  for (let i = 0; i < pairs.length; i += 2) failures.set(pairs[i] as number, String(pairs[i + 1]))
  return failures
}

/**
 * Reports the values that a script deleted because no pattern could have written them. `pairs`
 * holds key, description, key, description, …
 */
function reportForeignValues(script: Script<unknown>, pairs: readonly Reply[] = []): void {
  for (let i = 0; i < pairs.length; i += 2) {
    const key = String(pairs[i])
    const message =
      `"${key}" held a value that this package does not write (${String(pairs[i + 1])}). ` +
      'It was deleted. Make sure that nobody else uses keys of this namespace.'
    emit(channels.error, () => ({
      operation: script.name,
      key,
      error: new CacheError(message, { code: 'FOREIGN_VALUE', key }),
    }))
  }
}

/** Before version 7, Redis puts the position in the script before the message of the error. */
function withoutScriptPosition(text: string): string {
  return text.replace(/^(?:ERR )?(?:Error running script[^:]*:)?\s*@?user_script:\s*\d+:\s*/, '')
}
