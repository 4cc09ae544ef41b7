import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionError } from '../errors.js'
import type { Subscription, SubscriptionEvents } from './driver.js'

/** One connection that has subscribed. */
export interface Feed {
  close(): void
}

/** Opens a connection and subscribes on it; resolves once the server confirmed. `ended` is called, once, when it is lost. */
export type OpenFeed = (on: { message(channel: string, payload: string): void; ended(): void }) => Promise<Feed>

/**
 * Keeps a feed of messages alive: when its connection is lost there is a gap, and another is opened until one listens again. The
 * clients' own reconnection is not used for it, since it does not say what it missed.
 */
export async function subscribeThrough(open: OpenFeed, on: SubscriptionEvents, timeout: number): Promise<Subscription> {
  let closed = false
  let feed: Feed | undefined
  let attempts = 0
  const stop = new AbortController()

  const listen = async (): Promise<void> => {
    const mine = ++attempts
    const current = (): boolean => !closed && mine === attempts
    const opened = await open({
      // What comes before the feed is said to be live belongs to the gap.
      message: (channel, payload) => { if (current() && feed !== undefined) on.message(channel, payload) },
      ended: () => { if (current() && feed !== undefined) void reopen() },
    })
    if (!current()) return opened.close() // it came too late: another was opened meanwhile
    feed = opened
  }
  const reopen = async (): Promise<void> => {
    feed = undefined
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
    throw new ConnectionError(`Could not subscribe: ${cause instanceof Error ? cause.message : String(cause)}. Check that Redis is up and reachable.`, { command: 'SUBSCRIBE', cause })
  }
  return {
    close: async () => {
      closed = true
      stop.abort()
      feed?.close()
    },
  }
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
