import { setTimeout as sleep } from 'node:timers/promises'
import { ConnectionError } from '../errors.js'
import type { Subscription, SubscriptionEvents } from './driver.js'
import { subscribeThrough, type Keeping, type OpenFeed } from './feed.js'

/** Where the primaries of a Cluster are, and how to listen at one of them. */
export interface Places {
  /** `host:port` of each. */
  primaries(): Promise<readonly string[]>
  openAt(address: string): OpenFeed
}

interface NodeFeed {
  state: 'opening' | 'live' | 'gap' | 'failed'
  subscription: Subscription | undefined
}

/**
 * A feed from each primary of a Cluster, as one: there is a gap while any of them is missing. Who the primaries are is asked again with
 * each heartbeat; one that is new is a gap too.
 */
export async function subscribeEverywhere({ primaries, openAt }: Places, on: SubscriptionEvents, keeping: Keeping): Promise<Subscription> {
  const { heartbeat = 1_000 } = keeping
  const feeds = new Map<string, NodeFeed>()
  const stop = new AbortController()
  let whole: boolean | undefined // until it was whole once, nobody is told

  const isWhole = (): boolean => feeds.size > 0 && [...feeds.values()].every(({ state }) => state === 'live')
  const weigh = (): void => {
    if (whole === undefined || whole === isWhole() || stop.signal.aborted) return
    whole = !whole
    if (whole) on.live()
    else on.gap()
  }
  const open = async (address: string): Promise<void> => {
    const feed: NodeFeed = { state: 'opening', subscription: undefined }
    const become = (state: NodeFeed['state']): void => {
      feed.state = state
      weigh()
    }
    feeds.set(address, feed)
    weigh()
    try {
      feed.subscription = await subscribeThrough(openAt(address), { ...on, gap: () => become('gap'), live: () => become('live') }, keeping)
    } catch (error) {
      become('failed')
      throw error
    }
    if (stop.signal.aborted || feeds.get(address) !== feed) await feed.subscription.close()
    else become('live')
  }
  const look = async (): Promise<void> => {
    const present = await primaries()
    for (const [address, { subscription }] of [...feeds]) {
      if (present.includes(address)) continue
      feeds.delete(address)
      void subscription?.close()
    }
    const missing = present.filter((address) => (feeds.get(address)?.state ?? 'failed') === 'failed')
    const opened = await Promise.allSettled(missing.map(open))
    weigh()
    for (const one of opened) if (one.status === 'rejected') throw one.reason
  }
  const keepLooking = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await sleep(whole ? heartbeat : Math.min(heartbeat, WHILE_BROKEN), undefined, { signal: stop.signal, ref: false }).catch(() => undefined)
      if (!stop.signal.aborted) await look().catch(() => undefined)
    }
  }
  const close = async (): Promise<void> => {
    stop.abort()
    await Promise.all([...feeds.values()].map(async ({ subscription }) => subscription?.close()))
  }

  try {
    await look()
    if (!isWhole()) throw new ConnectionError('Could not subscribe: a connection was lost while others were made. Check that all primaries are up and reachable.', { command: 'SUBSCRIBE' })
  } catch (error) {
    await close()
    throw error
  }
  whole = true
  void keepLooking()
  return { close }
}

const WHILE_BROKEN = 200
