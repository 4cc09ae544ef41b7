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
 * Sends through a circuit breaker; on a Cluster, through one for each primary, so that one that is
 * dead keeps nobody from the others. It opens when the server is silent (`Driver.silentFor`), and
 * not when a caller gives up: an answer that comes late is an answer, and so is an error. While a
 * circuit is open its commands fail at once (`CIRCUIT_OPEN`); one probe after each cooldown closes
 * it.
 */
export function createGuardedSend(
  driver: Pick<Driver, 'send' | 'nodeOf' | 'silentFor'>,
  { failures, silence, cooldown }: Breaker,
): Send {
  /** Of nodes that have failed since they answered last. */
  const guards = new Map<string, Guard>()
  const nodeOf = ({ keys }: Command): string => (keys.length > 0 && driver.nodeOf?.(keys[0]!)) || ''
  const isSilent = (node: string): boolean =>
    driver.silentFor === undefined || driver.silentFor(node) >= silence

  const sendFreely: Send = async (commands, timeout, settle) => {
    // Asked before, since a key may have another node by the time that the one it was sent to has
    // not answered.
    const nodes = driver.nodeOf && commands.map(nodeOf)
    const replies = await driver.send(commands, { timeout, settle })
    if (replies.some(lost)) {
      for (const [node, places] of byNode(commands, (_, place) => nodes?.[place] ?? '')) {
        const error = outage(places.map((place) => replies[place]!))
        if (!error) continue
        if (!guards.has(node))
          guards.set(node, new Guard(new SilenceBreaker(failures, () => isSilent(node)), cooldown))
        await guards.get(node)!.failed(error)
      }
    }
    return replies
  }

  return async (commands, timeout, settle) => {
    if (guards.size === 0) return sendFreely(commands, timeout, settle)
    const replies: (Reply | CacheError)[] = new Array(commands.length)
    const sendPart = async (
      guard: Guard | undefined,
      node: string,
      places: readonly number[],
    ): Promise<void> => {
      const part = places.map((place) => commands[place]!)
      const settlePart: Settle = (i, reply) => settle(places[i]!, reply)
      const answers = guard
        ? await guard.send(part, () => driver.send(part, { timeout, settle: settlePart }))
        : await sendFreely(part, timeout, settlePart)
      for (const [i, place] of places.entries()) {
        replies[place] = answers[i]!
        if (guard) settle(place, answers[i]!) // who is refused waits for nobody
      }
      if (guard?.closed && guards.get(node) === guard) guards.delete(node)
    }
    // no key is there any more
    for (const [node, { idle }] of guards) if (idle > FORGOTTEN_AFTER) guards.delete(node)
    const free: number[] = []
    const parts: Promise<void>[] = []
    for (const [node, places] of byNode(commands, nodeOf)) {
      const guard = guards.get(node)
      if (guard) parts.push(sendPart(guard, node, places))
      else free.push(...places)
    }
    if (free.length > 0)
      parts.push(
        sendPart(
          undefined,
          '',
          free.sort((a, b) => a - b),
        ),
      )
    await Promise.all(parts)
    return replies
  }
}

/** Opens after so many failures in a row, if the server is silent then. */
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

/** The breaker of a node that has failed. */
class Guard {
  readonly #breaker: CircuitBreakerPolicy
  #answered = false
  #used = performance.now()

  constructor(breaker: IBreaker, cooldown: number) {
    this.#breaker = circuitBreaker(handleAll, { halfOpenAfter: cooldown, breaker })
  }

  /** It answers again. */
  get closed(): boolean {
    return this.#answered && this.#breaker.state === CircuitState.Closed
  }

  /** Ms since it was asked last. */
  get idle(): number {
    return performance.now() - this.#used
  }

  async failed(error: CacheError): Promise<void> {
    await this.#breaker.execute(() => Promise.reject(error)).catch(() => undefined)
  }

  async send(commands: readonly Command[], send: () => Promise<Replies>): Promise<Replies> {
    this.#used = performance.now()
    // Half open: the probe is on its way, and nobody waits for what becomes of it.
    if (this.#breaker.state === CircuitState.HalfOpen) return refused(commands)
    let replies: Replies | undefined
    try {
      await this.#breaker.execute(async () => {
        replies = await send()
        const error = outage(replies)
        this.#answered = error === undefined
        if (error) throw error
      })
    } catch (error) {
      if (error instanceof BrokenCircuitError) return refused(commands)
    }
    return replies!
  }
}

function byNode(
  commands: readonly Command[],
  nodeOf: (command: Command, place: number) => string,
): Map<string, number[]> {
  const nodes = new Map<string, number[]>()
  for (const [place, command] of commands.entries()) {
    const node = nodeOf(command, place)
    const places = nodes.get(node)
    if (places) places.push(place)
    else nodes.set(node, [place])
  }
  return nodes
}

function outage(replies: Replies): CacheError | undefined {
  return replies.length > 0 && replies.every(lost) ? (replies[0] as CacheError) : undefined
}

function lost(reply: unknown): boolean {
  return (
    (reply instanceof ConnectionError && reply.code !== 'CLOSED') ||
    reply instanceof CommandTimeoutError
  )
}

function refused(commands: readonly Command[]): CacheError[] {
  const error = new ConnectionError(
    'Redis did not answer the last commands; none is sent until it answers a probe. Check that the server is up and reachable.',
    { code: 'CIRCUIT_OPEN' },
  )
  emit(channels.error, () => ({ operation: 'send', error }))
  return commands.map(() => error)
}

const FORGOTTEN_AFTER = 60_000
