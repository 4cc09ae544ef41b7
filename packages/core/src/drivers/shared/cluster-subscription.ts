import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionError } from '../../errors.js'
import type { SubscriptionEvents } from '../driver.js'
import { subscribeThrough, type Keeping, type OpenFeed } from './subscription-connection.js'
import type { Heartbeat } from './heartbeat.js'
import type { PrimarySlots } from './primaries.js'

/** Where the primaries of a Cluster are, and how to listen at one of them. */
export interface Places {
  primaries(): Promise<PrimarySlots>
  openAt(address: string): OpenFeed
  /** `owns`: whether a slot is on that primary. */
  heartbeatOf(owns: (slot: number) => boolean): Heartbeat | undefined
}

interface NodeFeed {
  readonly stop: AbortController
  state: 'opening' | 'live' | 'gap' | 'failed'
  /** When the last beat was sent that came back. */
  alive: number
}

/**
 * A feed from each primary of a Cluster, as one: there is a gap while any of them is missing. Who
 * the primaries are is asked again with each heartbeat; one that is new is a gap too.
 */
export async function subscribeEverywhere(
  { primaries, openAt, heartbeatOf }: Places,
  on: SubscriptionEvents,
  {
    timeout,
    every = 1_000,
    signal,
  }: Omit<Keeping, 'heartbeat'> & { readonly every: number | undefined },
): Promise<void> {
  const feeds = new Map<string, NodeFeed>()
  let present: PrimarySlots = new Map()
  let looked = 0
  let whole: boolean | undefined // until it was whole once, nobody is told
  signal.addEventListener(
    'abort',
    () => {
      for (const { stop } of feeds.values()) stop.abort(signal.reason)
    },
    { once: true },
  )

  const isWhole = (): boolean =>
    feeds.size > 0 && [...feeds.values()].every(({ state }) => state === 'live')
  const weigh = (): void => {
    if (whole === undefined || whole === isWhole() || signal.aborted) return
    whole = !whole
    if (whole) on.live()
    else on.gap()
  }
  /**
   * All are alive since the earliest of their beats, and nobody else was a primary when they were
   * looked for.
   */
  const tellAlive = (): void => {
    if (!signal.aborted && isWhole())
      on.alive?.(Math.min(looked, ...[...feeds.values()].map(({ alive }) => alive)))
  }
  const open = async (address: string): Promise<void> => {
    const feed: NodeFeed = { stop: new AbortController(), state: 'opening', alive: 0 }
    const become = (state: NodeFeed['state']): void => {
      if (feed.stop.signal.aborted) return
      feed.state = state
      tellAlive()
      weigh()
    }
    feeds.set(address, feed)
    weigh()
    try {
      const heartbeat = heartbeatOf(
        (slot) =>
          present.get(address)?.some(([first, last]) => slot >= first && slot <= last) ?? false,
      )
      await subscribeThrough(
        openAt(address),
        {
          ...on,
          gap: () => become('gap'),
          live: () => become('live'),
          alive(since) {
            feed.alive = since
            tellAlive()
          },
        },
        { timeout, heartbeat, signal: feed.stop.signal },
      )
      if (feed.state === 'opening') become('live')
    } catch (error) {
      become('failed')
      throw error
    }
  }
  const look = async (): Promise<void> => {
    const now = performance.now()
    present = await primaries()
    if (signal.aborted) return
    looked = now
    for (const [address, { stop }] of [...feeds]) {
      if (present.has(address)) continue
      feeds.delete(address)
      stop.abort()
    }
    const missing = [...present.keys()].filter(
      (address) => (feeds.get(address)?.state ?? 'failed') === 'failed',
    )
    const opened = await Promise.allSettled(missing.map(open))
    tellAlive()
    weigh()
    for (const one of opened) if (one.status === 'rejected') throw one.reason
  }
  const keepLooking = async (): Promise<void> => {
    while (!signal.aborted) {
      await sleep(whole ? every : Math.min(every, WHILE_BROKEN), undefined, {
        signal,
        ref: false,
      }).catch(() => undefined)
      if (!signal.aborted) await look().catch(() => undefined)
    }
  }

  try {
    await look()
    signal.throwIfAborted()
    if (!isWhole())
      throw new ConnectionError(
        'Could not subscribe: a connection was lost while others were made. Check that all primaries are up and reachable.',
        { command: 'SUBSCRIBE' },
      )
  } catch (error) {
    for (const { stop } of feeds.values()) stop.abort()
    throw error
  }
  whole = true
  void keepLooking()
}

const WHILE_BROKEN = 200
