import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionError, ServerError, type CacheError } from '../errors.js'
import type { Subscription, SubscriptionEvents } from './driver.js'

/** One connection that has subscribed. */
export interface Feed {
  close(): void
  /** Resolves when the server answers on this very connection. */
  ping(): Promise<unknown>
}

interface FeedEvents {
  message(channel: string, payload: string): void
  invalidated(keys: readonly string[] | undefined): void
  ended(): void
}

/** Opens a connection and subscribes on it; resolves once the server confirmed. `ended` is called, once, when it is lost. */
export type OpenFeed = (on: FeedEvents) => Promise<Feed>

export interface Keeping {
  /** Ms for a subscription to be confirmed. */
  readonly timeout: number
  /** Ms between two signs of life; none are asked for where it is missing. */
  readonly heartbeat: number | undefined
}

/**
 * Keeps a feed of messages alive: when its connection is lost, or silent for two heartbeats, there is a gap, and another is opened until
 * one listens again. The clients' own reconnection is not used for it, since it does not say what it missed.
 */
export async function subscribeThrough(open: OpenFeed, on: SubscriptionEvents, { timeout, heartbeat }: Keeping): Promise<Subscription> {
  let closed = false
  let feed: Feed | undefined
  let attempts = 0
  let watching: AbortController | undefined
  const stop = new AbortController()

  const listen = async (): Promise<void> => {
    const mine = ++attempts
    const current = (): boolean => !closed && mine === attempts
    // What comes before the feed is said to be live belongs to the gap.
    const opened = await open({
      message: (channel, payload) => { if (current() && feed !== undefined) on.message(channel, payload) },
      invalidated: (keys) => { if (current() && feed !== undefined) on.invalidated?.(keys) },
      ended: () => { if (current() && feed !== undefined) void reopen() },
    })
    if (!current()) return opened.close() // it came too late: another was opened meanwhile
    feed = opened
    if (heartbeat !== undefined) void watch(opened, heartbeat)
  }
  const watch = async (watched: Feed, every: number): Promise<void> => {
    watching = new AbortController()
    const { signal } = watching
    try {
      while (feed === watched) {
        await sleep(every, undefined, { signal, ref: false })
        if (feed === watched) await within(every, watched.ping())
      }
    } catch {
      if (closed || feed !== watched) return
      watched.close()
      if (feed === watched) void reopen()
    }
  }
  const reopen = async (): Promise<void> => {
    feed = undefined
    watching?.abort()
    on.gap()
    for (let pause = FIRST_PAUSE; !closed; pause = Math.min(2 * pause, LAST_PAUSE)) {
      try {
        await within(timeout, listen())
        if (!closed) on.live()
        return
      } catch {
        await sleep(pause, undefined, { signal: stop.signal, ref: false }).catch(() => undefined)
      }
    }
  }

  try {
    await within(timeout, listen())
  } catch (cause) {
    closed = true
    throw failure(cause)
  }
  return {
    close: async () => {
      closed = true
      stop.abort()
      watching?.abort()
      feed?.close()
    },
  }
}

/** What the server said, or that it said nothing. */
function failure(cause: unknown): CacheError {
  if (cause instanceof ServerError) return cause
  return new ConnectionError(`Could not subscribe: ${cause instanceof Error ? cause.message : String(cause)}. Check that Redis is up and reachable.`, { command: 'SUBSCRIBE', cause })
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const timer = new AbortController()
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => { throw new Error(`no confirmation within ${ms} ms`) })
  late.catch(() => undefined)
  try {
    return await Promise.race([work, late])
  } finally {
    timer.abort()
  }
}

const FIRST_PAUSE = 20
const LAST_PAUSE = 1_000
