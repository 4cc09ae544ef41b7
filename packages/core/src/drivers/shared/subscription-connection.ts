import { setTimeout as sleep } from 'node:timers/promises'
import { CacheError, ConnectionError } from '../../errors.js'
import { redactedError } from '../../util/redact.js'
import type { SubscriptionEvents } from '../driver.js'
import { Pulse, type Heartbeat } from './heartbeat.js'
import { within } from './time-limit.js'

export interface FeedEvents {
  message(channel: string, payload: string): void
  invalidated(keys: readonly string[] | undefined): void
  /** The connection is lost, or has lost something. */
  ended(): void
}

/**
 * Opens a connection and subscribes on it, to `beats` as well; resolves once the server has
 * confirmed. The connection ends when the signal aborts, at whatever step it is, and when this
 * rejects.
 */
export type OpenFeed = (
  on: FeedEvents,
  beats: readonly string[],
  signal: AbortSignal,
) => Promise<void>

export interface Keeping {
  /** Ms for a subscription to be confirmed. */
  readonly timeout: number
  readonly heartbeat: Heartbeat | undefined
  /** Ends the subscription, or the attempt to make it. */
  readonly signal: AbortSignal
}

/**
 * Keeps a feed of messages alive until the signal aborts; resolves once it listens. When its
 * connection is lost, or its heartbeat is not heard, there is a gap, and connections are opened
 * until one listens again. The clients' own reconnection is not used for it, since it does not say
 * what it missed.
 */
export async function subscribeThrough(
  open: OpenFeed,
  on: SubscriptionEvents,
  { timeout, heartbeat, signal }: Keeping,
): Promise<void> {
  /** Of the connection that listens, or is about to. */
  let life = new AbortController()
  signal.addEventListener('abort', () => life.abort(), { once: true })

  /** Opens one connection that listens, or leaves none behind. */
  const listen = async (onLive: () => void): Promise<void> => {
    signal.throwIfAborted()
    const own = (life = new AbortController())
    const pulse = heartbeat && new Pulse(heartbeat)
    let live = false
    // what comes before it is said to be live belongs to the gap
    const isHeard = (): boolean => live && !own.signal.aborted
    const lose = (): void => {
      if (own.signal.aborted) return
      own.abort()
      if (live) void reopen()
    }
    const subscribe = async (): Promise<number> => {
      await open(
        {
          message: (channel, payload) => {
            if (!pulse?.hear(channel, payload) && isHeard()) on.message(channel, payload)
          },
          invalidated(keys) {
            pulse?.hear()
            if (isHeard()) on.invalidated?.(keys)
          },
          ended: lose,
        },
        pulse ? [pulse.channel] : [],
        own.signal,
      )
      return pulse ? pulse.first(own.signal) : 0
    }
    try {
      const since = await within(timeout, subscribe())
      own.signal.throwIfAborted()
      live = true
      if (pulse) {
        on.alive?.(since)
        pulse.run((time) => on.alive?.(time), since, own.signal).catch(lose)
      }
    } catch (error) {
      own.abort()
      throw error
    }
    onLive()
  }
  const reopen = async (): Promise<void> => {
    on.gap()
    for (let pause = FIRST_PAUSE; !signal.aborted; pause = Math.min(2 * pause, LAST_PAUSE)) {
      try {
        return await listen(() => on.live())
      } catch {
        await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined)
      }
    }
  }

  await listen(() => undefined).catch((error: unknown) => {
    throw failure(error)
  })
}

/** What the server said, or that it said nothing. */
function failure(error: unknown): CacheError {
  if (error instanceof CacheError) return error
  const cause = redactedError(error)
  return new ConnectionError(
    `Could not subscribe: ${cause.message}. Check that Redis is up and reachable.`,
    { command: 'SUBSCRIBE', cause },
  )
}

const FIRST_PAUSE = 20
const LAST_PAUSE = 1_000
