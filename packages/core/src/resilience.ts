import { BrokenCircuitError, CircuitState, ConsecutiveBreaker, circuitBreaker, handleAll, type CircuitBreakerPolicy } from 'cockatiel'
import type { Send } from './batch/batch.js'
import type { Command, Driver, Reply } from './drivers/driver.js'
import type { Duration } from './duration.js'
import { CommandTimeoutError, ConnectionError, type CacheError } from './errors.js'
import type { OptionChecks } from './options.js'
import { channels, tell } from './telemetry.js'

export interface ResilienceOptions {
  /** How long a read waits for Redis before the source is asked. Default 250 ms. */
  readonly readTimeout?: Duration
  /** How long a write waits for Redis before it rejects. Default 1 s. */
  readonly writeTimeout?: Duration
  /** Requests that may wait for Redis at once; more are refused at once with a `ConnectionError` (`OVERLOADED`). Default 10 000. */
  readonly maxInFlight?: number
  /**
   * After `failures` sends in a row without an answer (default 5), nothing is sent for `cooldown` (default 1 s); then one goes first.
   * On shards each has a breaker of its own, which `shardedDriver` is told of.
   */
  readonly breaker?: { readonly failures?: number; readonly cooldown?: Duration }
}

export interface Resilience extends Breaker {
  readonly readTimeout: number
  readonly writeTimeout: number
  readonly maxInFlight: number
}

export interface Breaker {
  readonly failures: number
  /** Ms. */
  readonly cooldown: number
}

export function checkResilience(options: OptionChecks): Resilience {
  const own = options.nested('resilience', ['readTimeout', 'writeTimeout', 'maxInFlight', 'breaker'])
  return {
    readTimeout: own.duration('readTimeout', 250),
    writeTimeout: own.duration('writeTimeout', 1_000),
    maxInFlight: own.number('maxInFlight', { min: 1, integer: true }, 10_000),
    ...checkBreaker(own),
  }
}

/** The option `breaker`. */
export function checkBreaker(options: OptionChecks): Breaker {
  const breaker = options.nested('breaker', ['failures', 'cooldown'])
  return { failures: breaker.number('failures', { min: 1, integer: true }, 5), cooldown: breaker.duration('cooldown', 1_000) }
}

/**
 * Sends through a circuit breaker. An outage is no answer at all: connection lost, or a deadline passed. An error that Redis
 * answers with is an answer. While the circuit is open every command fails at once (`CIRCUIT_OPEN`); one probe after each cooldown
 * closes it.
 */
export function createGuardedSend(driver: Pick<Driver, 'send'>, { failures, cooldown }: Breaker): Send {
  const breaker = circuitBreaker(handleAll, { halfOpenAfter: cooldown, breaker: new ConsecutiveBreaker(failures) })
  let healthy = true

  return async (commands, timeout, settle) => {
    if (healthy) {
      const replies = await driver.send(commands, { timeout, settle })
      const error = outage(replies)
      if (error === undefined) return replies
      healthy = false
      await breaker.execute(() => Promise.reject(error)).catch(() => undefined)
      return replies
    }
    const replies = await guarded(breaker, () => driver.send(commands, { timeout, settle }), commands)
    healthy = breaker.state === CircuitState.Closed && !outage(replies)
    return replies
  }
}

async function guarded(breaker: CircuitBreakerPolicy, send: () => Promise<readonly (Reply | CacheError)[]>, commands: readonly Command[]) {
  // Half open: the probe is on its way, and nobody waits for what becomes of it.
  if (breaker.state === CircuitState.HalfOpen) return refused(commands)
  let replies: readonly (Reply | CacheError)[] | undefined
  try {
    await breaker.execute(async () => {
      replies = await send()
      const error = outage(replies)
      if (error) throw error
    })
  } catch (error) {
    if (error instanceof BrokenCircuitError) return refused(commands)
  }
  return replies!
}

function outage(replies: readonly (Reply | CacheError)[]): CacheError | undefined {
  return replies.length > 0 && replies.every(lost) ? (replies[0] as CacheError) : undefined
}

function lost(reply: unknown): boolean {
  return (reply instanceof ConnectionError && reply.code !== 'CLOSED') || reply instanceof CommandTimeoutError
}

function refused(commands: readonly Command[]): CacheError[] {
  const error = new ConnectionError('Redis did not answer the last commands; none is sent until it answers a probe. Check that the server is up and reachable.', { code: 'CIRCUIT_OPEN' })
  tell(channels.error, () => ({ operation: 'send', error }))
  return commands.map(() => error)
}
