import { CacheError, ConnectionError } from '../../errors.js'
import { redactedError } from '../../util/redact.js'
import type { SubscriptionEvents } from '../driver.js'
import { HeartbeatMonitor, type Heartbeat } from './heartbeat.js'
import { Backoff } from '../../util/backoff.js'
import { sleepUnlessAborted } from '../../util/sleep.js'
import { withTimeLimit } from '../../util/time-limit.js'

/** What the connection of a subscription reports. */
export interface SubscriptionConnectionEvents {
  message(channel: string, payload: string): void
  invalidated(keys: readonly string[] | undefined): void
  /** The connection was lost, or messages on it were lost. */
  ended(): void
}

/**
 * Opens a connection and subscribes on it, also to the channels of the heartbeat. Resolves once the
 * server has confirmed. The connection must end when the signal aborts, at any step, and when the
 * promise rejects.
 */
export type OpenSubscription = (
  on: SubscriptionConnectionEvents,
  beatChannels: readonly string[],
  signal: AbortSignal,
) => Promise<void>

/** The settings of one subscription. */
export interface SubscriptionSettings {
  /** Milliseconds until a subscription must be confirmed. */
  readonly timeout: number
  readonly heartbeat: Heartbeat | undefined
  /** Ends the subscription, or the attempt to open it. */
  readonly signal: AbortSignal
}

/**
 * Keeps a subscription alive until the signal aborts. Resolves once it is confirmed.
 *
 * If its connection is lost, or its heartbeat does not return, there is a gap, and connections are
 * opened until one is subscribed again. The reconnection of the clients is not used, since it does
 * not report which messages were missed.
 */
export async function keepSubscribed(
  open: OpenSubscription,
  on: SubscriptionEvents,
  { timeout, heartbeat, signal }: SubscriptionSettings,
): Promise<void> {
  /** Stops the connection that is subscribed, or is about to be. */
  let stopCurrent = new AbortController()
  signal.addEventListener('abort', () => stopCurrent.abort(), { once: true })

  /** Opens one connection and subscribes on it, or leaves no connection behind. */
  const listen = async (onLive: () => void): Promise<void> => {
    signal.throwIfAborted()
    const stop = (stopCurrent = new AbortController())
    const monitor = heartbeat && new HeartbeatMonitor(heartbeat)
    let live = false
    // messages that arrive before `live` is reported belong to the gap
    const isReceiving = (): boolean => live && !stop.signal.aborted
    const connectionLost = (): void => {
      if (stop.signal.aborted) return
      stop.abort()
      if (live) void reopen()
    }
    const subscribe = async (): Promise<number> => {
      await open(
        {
          message: (channel, payload) => {
            if (!monitor?.receive(channel, payload) && isReceiving()) on.message(channel, payload)
          },
          invalidated(keys) {
            monitor?.receive()
            if (isReceiving()) on.invalidated?.(keys)
          },
          ended: connectionLost,
        },
        monitor ? [monitor.channel] : [],
        stop.signal,
      )
      return monitor ? monitor.firstBeat(stop.signal) : 0
    }
    try {
      const since = await withTimeLimit(timeout, subscribe())
      stop.signal.throwIfAborted()
      live = true
      if (monitor) {
        on.alive?.(since)
        monitor.run((time) => on.alive?.(time), since, stop.signal).catch(connectionLost)
      }
    } catch (error) {
      stop.abort()
      throw error
    }
    onLive()
  }
  const reopen = async (): Promise<void> => {
    on.gap()
    const backoff = new Backoff({ first: 20, max: 1_000 })
    while (!signal.aborted) {
      try {
        return await listen(() => on.live())
      } catch {
        await sleepUnlessAborted(backoff.next(), signal, { ref: false })
      }
    }
  }

  await listen(() => undefined).catch((error: unknown) => {
    throw subscriptionError(error)
  })
}

/** Converts a failure to subscribe into a `CacheError`. */
function subscriptionError(error: unknown): CacheError {
  if (error instanceof CacheError) return error
  const cause = redactedError(error)
  return new ConnectionError(
    `Could not subscribe: ${cause.message}. Check that Redis is up and reachable.`,
    { command: 'SUBSCRIBE', cause },
  )
}
