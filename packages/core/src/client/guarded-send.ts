import {
  BrokenCircuitError,
  CircuitState,
  circuitBreaker,
  handleAll,
  type CircuitBreakerPolicy,
  type IBreaker,
} from 'cockatiel'
import type { Circuit, CommandResult, Driver } from '../drivers/driver.js'
import type { Command } from '../drivers/command.js'
import { CommandTimeoutError, ConnectionError, type CacheError } from '../errors.js'
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
  { failures, silence, cooldown }: Breaker,
): GuardedSend {
  /** The breakers of the nodes that have failed since their last answer. */
  const breakers = new Map<string, NodeBreaker>()
  const nodeOf = ({ keys }: Command): string => (keys.length > 0 && driver.nodeOf?.(keys[0]!)) || ''
  const isSilent = (node: string): boolean =>
    driver.silentFor === undefined || driver.silentFor(node) >= silence

  const recordFailures = async (
    indexes: Map<string, number[]>,
    results: readonly Promise<CommandResult>[],
  ): Promise<void> => {
    const all = await Promise.all(results)
    if (!all.some(isLost)) return
    for (const [node, own] of indexes) {
      const error = outageError(own.map((index) => all[index]!))
      if (!error) continue
      if (!breakers.has(node))
        breakers.set(
          node,
          new NodeBreaker(new SilenceBreaker(failures, () => isSilent(node)), cooldown),
        )
      await breakers.get(node)!.failed(error)
    }
  }

  const sendUnguarded: Send = (commands, timeout) => {
    // The nodes are determined before sending: by the time a node has not answered, its key may
    // have moved to another node.
    const byNode = indexesByNode(commands, nodeOf)
    const results = sendThrough(driver, commands, timeout)
    void recordFailures(byNode, results)
    return results
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

/** Opens after the given number of consecutive failures, if the server is silent then. */
class SilenceBreaker implements IBreaker {
  state = 0
  readonly #failures: number
  readonly #isSilent: () => boolean

  constructor(failures: number, isSilent: () => boolean) {
    this.#failures = failures
    this.#isSilent = isSilent
  }

  success(): void {
    this.state = 0
  }

  failure(): boolean {
    this.state++
    return this.state >= this.#failures && this.#isSilent()
  }
}

/** The circuit breaker of a node that has failed. */
class NodeBreaker {
  readonly #breaker: CircuitBreakerPolicy
  readonly #cooldown: number
  #answered = false
  #usedAt = performance.now()
  /** The last error of the node, which callers see as the cause while the circuit is open. */
  #lastError: CacheError | undefined
  #failedAt = 0

  constructor(breaker: IBreaker, cooldown: number) {
    this.#cooldown = cooldown
    this.#breaker = circuitBreaker(handleAll, { halfOpenAfter: cooldown, breaker })
  }

  /** Milliseconds since the last command for the node. */
  get idle(): number {
    return performance.now() - this.#usedAt
  }

  get circuit(): Circuit {
    const { state } = this.#breaker
    if (state === CircuitState.Closed) return 'closed'
    const isOpen =
      state === CircuitState.HalfOpen ? false : performance.now() - this.#failedAt < this.#cooldown
    return isOpen ? 'open' : 'half-open'
  }

  async failed(error: CacheError): Promise<void> {
    this.#remember(error)
    await this.#breaker.execute(() => Promise.reject(error)).catch(() => undefined)
  }

  /** Sends commands, unless the circuit is open. Calls `onClosed` when the node answers again. */
  send(
    commands: readonly Command[],
    send: () => readonly Promise<CommandResult>[],
    onClosed: () => void,
  ): readonly Promise<CommandResult>[] {
    this.#usedAt = performance.now()
    // While half open, the probe is on its way. Other commands do not wait for its result.
    if (this.#breaker.state === CircuitState.HalfOpen)
      return circuitOpenErrors(commands, this.#lastError)
    const sent = new Promise<readonly Promise<CommandResult>[]>((resolve) => {
      const sendAndCheck = async (): Promise<void> => {
        const results = send()
        resolve(results)
        const error = outageError(await Promise.all(results))
        this.#answered = error === undefined
        if (error) {
          this.#remember(error)
          throw error
        }
      }
      this.#breaker.execute(sendAndCheck).then(
        () => {
          if (this.#answered && this.#breaker.state === CircuitState.Closed) onClosed()
        },
        (error: unknown) => {
          if (error instanceof BrokenCircuitError)
            resolve(circuitOpenErrors(commands, this.#lastError))
        },
      )
    })
    return commands.map(async (_, index) => (await sent)[index]!)
  }

  #remember(error: CacheError): void {
    this.#lastError = error
    this.#failedAt = performance.now()
  }
}

function indexesByNode(
  commands: readonly Command[],
  nodeOf: (command: Command) => string,
): Map<string, number[]> {
  const byNode = new Map<string, number[]>()
  for (const [index, command] of commands.entries()) {
    const node = nodeOf(command)
    const indexes = byNode.get(node)
    if (indexes) indexes.push(index)
    else byNode.set(node, [index])
  }
  return byNode
}

/** Returns the first error if no command was answered. */
function outageError(results: readonly CommandResult[]): CacheError | undefined {
  return results.length > 0 && results.every(isLost) ? (results[0] as CacheError) : undefined
}

function isLost(reply: unknown): boolean {
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
