import {
  BrokenCircuitError,
  CircuitState,
  circuitBreaker,
  handleAll,
  type CircuitBreakerPolicy,
  type IBreaker,
} from 'cockatiel'
import type { Send } from './batch/batch.js'
import type { Driver, Settle } from '../drivers/driver.js'
import type { Command, Reply } from '../drivers/command.js'
import { CommandTimeoutError, ConnectionError, type CacheError } from '../errors.js'
import type { Breaker } from './resilience.js'
import { channels, emit } from './telemetry.js'

type Replies = readonly (Reply | CacheError)[]

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
): Send {
  /** The breakers of the nodes that have failed since their last answer. */
  const breakers = new Map<string, NodeBreaker>()
  const nodeOf = ({ keys }: Command): string => (keys.length > 0 && driver.nodeOf?.(keys[0]!)) || ''
  const isSilent = (node: string): boolean =>
    driver.silentFor === undefined || driver.silentFor(node) >= silence

  const sendUnguarded: Send = async (commands, timeout, settle) => {
    // The nodes are determined before sending: by the time a node has not answered, its key may
    // have moved to another node.
    const nodes = driver.nodeOf && commands.map(nodeOf)
    const replies = await driver.send(commands, { timeout, settle })
    if (replies.some(isLost)) {
      for (const [node, indexes] of indexesByNode(commands, (_, index) => nodes?.[index] ?? '')) {
        const error = outageError(indexes.map((index) => replies[index]!))
        if (!error) continue
        if (!breakers.has(node))
          breakers.set(
            node,
            new NodeBreaker(new SilenceBreaker(failures, () => isSilent(node)), cooldown),
          )
        await breakers.get(node)!.failed(error)
      }
    }
    return replies
  }

  return async (commands, timeout, settle) => {
    if (breakers.size === 0) return sendUnguarded(commands, timeout, settle)
    const replies: (Reply | CacheError)[] = new Array(commands.length)
    const sendPart = async (
      breaker: NodeBreaker | undefined,
      node: string,
      indexes: readonly number[],
    ): Promise<void> => {
      const part = indexes.map((index) => commands[index]!)
      const settlePart: Settle = (i, reply) => settle(indexes[i]!, reply)
      const partReplies = breaker
        ? await breaker.send(part, () => driver.send(part, { timeout, settle: settlePart }))
        : await sendUnguarded(part, timeout, settlePart)
      for (const [i, index] of indexes.entries()) {
        replies[index] = partReplies[i]!
        // Commands that are refused by a breaker settle without waiting for the other parts.
        if (breaker) settle(index, partReplies[i]!)
      }
      if (breaker?.closed && breakers.get(node) === breaker) breakers.delete(node)
    }
    // A breaker that is not used belongs to a node that no longer owns keys.
    for (const [node, { idle }] of breakers) if (idle > MAX_IDLE) breakers.delete(node)
    const unguarded: number[] = []
    const parts: Promise<void>[] = []
    for (const [node, indexes] of indexesByNode(commands, nodeOf)) {
      const breaker = breakers.get(node)
      if (breaker) parts.push(sendPart(breaker, node, indexes))
      else unguarded.push(...indexes)
    }
    if (unguarded.length > 0) {
      unguarded.sort((a, b) => a - b)
      parts.push(sendPart(undefined, '', unguarded))
    }
    await Promise.all(parts)
    return replies
  }
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
  #answered = false
  #usedAt = performance.now()

  constructor(breaker: IBreaker, cooldown: number) {
    this.#breaker = circuitBreaker(handleAll, { halfOpenAfter: cooldown, breaker })
  }

  /** Whether the node answers again. */
  get closed(): boolean {
    return this.#answered && this.#breaker.state === CircuitState.Closed
  }

  /** Milliseconds since the last command for the node. */
  get idle(): number {
    return performance.now() - this.#usedAt
  }

  async failed(error: CacheError): Promise<void> {
    await this.#breaker.execute(() => Promise.reject(error)).catch(() => undefined)
  }

  async send(commands: readonly Command[], send: () => Promise<Replies>): Promise<Replies> {
    this.#usedAt = performance.now()
    // While half open, the probe is on its way. Other commands do not wait for its result.
    if (this.#breaker.state === CircuitState.HalfOpen) return circuitOpenErrors(commands)
    let replies: Replies | undefined
    try {
      await this.#breaker.execute(async () => {
        replies = await send()
        const error = outageError(replies)
        this.#answered = error === undefined
        if (error) throw error
      })
    } catch (error) {
      if (error instanceof BrokenCircuitError) return circuitOpenErrors(commands)
    }
    return replies!
  }
}

function indexesByNode(
  commands: readonly Command[],
  nodeOf: (command: Command, index: number) => string,
): Map<string, number[]> {
  const byNode = new Map<string, number[]>()
  for (const [index, command] of commands.entries()) {
    const node = nodeOf(command, index)
    const indexes = byNode.get(node)
    if (indexes) indexes.push(index)
    else byNode.set(node, [index])
  }
  return byNode
}

/** Returns the first error if no command was answered. */
function outageError(replies: Replies): CacheError | undefined {
  return replies.length > 0 && replies.every(isLost) ? (replies[0] as CacheError) : undefined
}

function isLost(reply: unknown): boolean {
  return (
    (reply instanceof ConnectionError && reply.code !== 'CLOSED') ||
    reply instanceof CommandTimeoutError
  )
}

function circuitOpenErrors(commands: readonly Command[]): CacheError[] {
  const error = new ConnectionError(
    'Redis did not answer the last commands. No command is sent until Redis answers a probe. ' +
      'Check that the server is up and reachable.',
    { code: 'CIRCUIT_OPEN' },
  )
  emit(channels.error, () => ({ operation: 'send', error }))
  return commands.map(() => error)
}

/** Milliseconds after which an unused breaker is removed. */
const MAX_IDLE = 60_000
