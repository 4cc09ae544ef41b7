import type { Circuit, CommandResult, Driver } from '../drivers/driver.js'
import type { Command } from '../drivers/command.js'
import { CommandTimeoutError, ConnectionError, type CacheError } from '../errors.js'
import { groupBy } from '../util/group-by.js'
import { CircuitBreaker, type Permit } from './circuit-breaker.js'
import { reasonOf } from './failures/failure-kind.js'
import type { Breaker } from './resilience.js'
import { sendThrough, type Send } from './send-through.js'
import { channels, emit } from './telemetry.js'

/** Sends commands through circuit breakers. */
export interface GuardedSend extends Send {
  /** Returns the breakers that are not closed, by the node as `Driver.nodeOf` names it. */
  circuits(): ReadonlyMap<string, Circuit>
}

/**
 * Returns a function that sends commands through a circuit breaker.
 *
 * On a Cluster, each primary has its own breaker, so that commands for the other primaries are
 * still sent while one is down. A breaker opens if the server is silent (`Driver.silentFor`), not
 * if a caller gives up: a late reply is a reply, and so is an error. While a circuit is open, its
 * commands fail immediately (`CIRCUIT_OPEN`). After each cooldown, one probe is sent; a reply to it
 * closes the circuit.
 */
export function createGuardedSend(
  driver: Pick<Driver, 'send' | 'nodeOf' | 'silentFor'>,
  limits: Breaker,
): GuardedSend {
  /** The breakers of the nodes that have failed since their last answer. */
  const breakers = new Map<string, NodeBreaker>()
  const nodeOf = ({ keys }: Command): string => (keys.length > 0 && driver.nodeOf?.(keys[0]!)) || ''
  const isSilent = (node: string): boolean =>
    driver.silentFor === undefined || driver.silentFor(node) >= limits.silence

  const recordFailures = (
    nodes: readonly string[] | undefined,
    lost: ReadonlyMap<number, CacheError>,
    count: number,
  ): void => {
    const indexes = groupBy(Array(count).keys(), (index) => nodes?.[index] ?? '')
    for (const [node, own] of indexes) {
      if (!own.every((index) => lost.has(index))) continue
      if (!breakers.has(node))
        breakers.set(node, new NodeBreaker(new CircuitBreaker(limits, () => isSilent(node))))
      breakers.get(node)!.failed(lost.get(own[0]!)!)
    }
  }

  const sendUnguarded: Send = (commands, timeout) => {
    // The nodes are determined before sending: by the time a node has not answered, its key may
    // have moved to another node.
    const nodes = driver.nodeOf && commands.map(nodeOf)
    let lost: Map<number, CacheError> | undefined
    let unanswered = commands.length
    return sendThrough(driver, commands, timeout, (index, result) => {
      if (isLost(result)) (lost ??= new Map()).set(index, result)
      if (--unanswered === 0 && lost) recordFailures(nodes, lost, commands.length)
    })
  }

  const send: Send = (commands, timeout) => {
    if (breakers.size === 0) return sendUnguarded(commands, timeout)
    // A breaker that is not used belongs to a node that no longer owns keys.
    for (const [node, { idle }] of breakers) if (idle > MAX_IDLE) breakers.delete(node)
    const results: Promise<CommandResult>[] = new Array(commands.length)
    const sendPart = (indexes: readonly number[], sendCommands: Send): void => {
      const part = sendCommands(
        indexes.map((index) => commands[index]!),
        timeout,
      )
      for (const [i, index] of indexes.entries()) results[index] = part[i]!
    }
    const unguarded: number[] = []
    for (const [node, indexes] of indexesByNode(commands, nodeOf)) {
      const breaker = breakers.get(node)
      if (!breaker) unguarded.push(...indexes)
      else
        sendPart(indexes, (part) =>
          breaker.send(
            part,
            () => sendThrough(driver, part, timeout),
            () => {
              if (breakers.get(node) === breaker) breakers.delete(node)
            },
          ),
        )
    }
    if (unguarded.length > 0) {
      unguarded.sort((a, b) => a - b)
      sendPart(unguarded, sendUnguarded)
    }
    return results
  }
  const circuits = (): ReadonlyMap<string, Circuit> =>
    new Map(
      [...breakers]
        .map(([node, { circuit }]) => [node, circuit] as const)
        .filter(([, circuit]) => circuit !== 'closed'),
    )
  return Object.assign(send, { circuits })
}

/** The circuit breaker of a node that has failed. */
class NodeBreaker {
  readonly #breaker: CircuitBreaker
  #usedAt = performance.now()
  /** The last error of the node, which callers see as the cause while the circuit is open. */
  #lastError: CacheError | undefined

  constructor(breaker: CircuitBreaker) {
    this.#breaker = breaker
  }

  /** Milliseconds since the last command for the node. */
  get idle(): number {
    return performance.now() - this.#usedAt
  }

  get circuit(): Circuit {
    return this.#breaker.state
  }

  failed(error: CacheError, permit: Permit = 'normal'): void {
    this.#lastError = error
    this.#breaker.failed(permit)
  }

  /** Sends commands, unless the circuit is open. Calls `onClosed` when the node answers again. */
  send(
    commands: readonly Command[],
    send: () => readonly Promise<CommandResult>[],
    onClosed: () => void,
  ): readonly Promise<CommandResult>[] {
    this.#usedAt = performance.now()
    const permit = this.#breaker.permit()
    if (!permit) return circuitOpenErrors(commands, this.#lastError)
    const results = send()
    void this.#record(permit, results, onClosed)
    return results
  }

  async #record(
    permit: Permit,
    results: readonly Promise<CommandResult>[],
    onClosed: () => void,
  ): Promise<void> {
    const error = outageError(await Promise.all(results))
    if (error) return this.failed(error, permit)
    this.#breaker.succeeded(permit)
    if (this.#breaker.state === 'closed') onClosed()
  }
}

function indexesByNode(
  commands: readonly Command[],
  nodeOf: (command: Command) => string,
): Map<string, number[]> {
  return groupBy(commands.keys(), (index) => nodeOf(commands[index]!))
}

/** Returns the first error if no command was answered. */
function outageError(results: readonly CommandResult[]): CacheError | undefined {
  return results.length > 0 && results.every(isLost) ? (results[0] as CacheError) : undefined
}

function isLost(reply: CommandResult): reply is CacheError {
  if (!(reply instanceof Error)) return false
  return (
    (reply instanceof ConnectionError && reply.code !== 'CLOSED') ||
    reply instanceof CommandTimeoutError
  )
}

function circuitOpenErrors(
  commands: readonly Command[],
  cause: CacheError | undefined,
): readonly Promise<CacheError>[] {
  const last = cause ? `; the last error was "${reasonOf(cause)}"` : ''
  const error = new ConnectionError(
    `Redis did not answer the last commands${last}. No command is sent until Redis answers a ` +
      'probe. Check that the server is up and reachable.',
    { code: 'CIRCUIT_OPEN', cause },
  )
  emit(channels.error, () => ({ operation: 'send', error }))
  return commands.map(() => Promise.resolve(error))
}

/** Milliseconds after which an unused breaker is removed. */
const MAX_IDLE = 60_000
