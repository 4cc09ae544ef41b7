import { sleepUnlessAborted } from '../../util/sleep.js'
import { ConnectionError } from '../../errors.js'
import type { SubscriptionEvents } from '../driver.js'
import {
  keepSubscribed,
  type SubscriptionSettings,
  type OpenSubscription,
} from './subscription-connection.js'
import type { Heartbeat } from './heartbeat.js'
import type { PrimarySlots } from './primaries.js'

/** Finds the primaries of a Cluster, and opens subscriptions to them. */
export interface ClusterPrimaries {
  primaries(): Promise<PrimarySlots>
  openAt(address: string): OpenSubscription
  /** `owns` returns whether a slot is on that primary. */
  heartbeatOf(owns: (slot: number) => boolean): Heartbeat | undefined
}

interface NodeSubscription {
  readonly stop: AbortController
  state: 'opening' | 'live' | 'gap' | 'failed'
  /** When the last returned beat was sent, by `performance.now()`. */
  alive: number
}

/**
 * Subscribes to each primary of a Cluster, as one subscription. There is a gap while any of the
 * primaries is missing. The list of primaries is refreshed with each heartbeat; a new primary is a
 * gap, too.
 */
export async function subscribeToPrimaries(
  { primaries, openAt, heartbeatOf }: ClusterPrimaries,
  on: SubscriptionEvents,
  {
    timeout,
    every = 1_000,
    signal,
  }: Omit<SubscriptionSettings, 'heartbeat'> & { readonly every: number | undefined },
): Promise<void> {
  const subscriptions = new Map<string, NodeSubscription>()
  let currentPrimaries: PrimarySlots = new Map()
  let refreshedAt = 0
  /** `undefined` until all primaries were subscribed once: nothing is reported before that. */
  let complete: boolean | undefined
  signal.addEventListener(
    'abort',
    () => {
      for (const { stop } of subscriptions.values()) stop.abort(signal.reason)
    },
    { once: true },
  )

  const isComplete = (): boolean =>
    subscriptions.size > 0 && [...subscriptions.values()].every(({ state }) => state === 'live')
  const reportCompleteness = (): void => {
    if (complete === undefined || complete === isComplete() || signal.aborted) return
    complete = !complete
    if (complete) on.live()
    else on.gap()
  }
  /**
   * Reports the earliest of the last beats of all primaries. No other node was a primary when the
   * list was refreshed last.
   */
  const reportAlive = (): void => {
    if (!signal.aborted && isComplete())
      on.alive?.(Math.min(refreshedAt, ...[...subscriptions.values()].map(({ alive }) => alive)))
  }
  const open = async (address: string): Promise<void> => {
    const subscription: NodeSubscription = {
      stop: new AbortController(),
      state: 'opening',
      alive: 0,
    }
    const setState = (state: NodeSubscription['state']): void => {
      if (subscription.stop.signal.aborted) return
      subscription.state = state
      reportAlive()
      reportCompleteness()
    }
    subscriptions.set(address, subscription)
    reportCompleteness()
    try {
      const heartbeat = heartbeatOf(
        (slot) =>
          currentPrimaries.get(address)?.some(([first, last]) => slot >= first && slot <= last) ??
          false,
      )
      await keepSubscribed(
        openAt(address),
        {
          ...on,
          gap: () => setState('gap'),
          live: () => setState('live'),
          alive(since) {
            subscription.alive = since
            reportAlive()
          },
        },
        { timeout, heartbeat, signal: subscription.stop.signal },
      )
      if (subscription.state === 'opening') setState('live')
    } catch (error) {
      setState('failed')
      throw error
    }
  }
  const refresh = async (): Promise<void> => {
    const now = performance.now()
    currentPrimaries = await primaries()
    if (signal.aborted) return
    refreshedAt = now
    for (const [address, { stop }] of [...subscriptions]) {
      if (currentPrimaries.has(address)) continue
      subscriptions.delete(address)
      stop.abort()
    }
    const missing = [...currentPrimaries.keys()].filter(
      (address) => (subscriptions.get(address)?.state ?? 'failed') === 'failed',
    )
    const results = await Promise.allSettled(missing.map(open))
    reportAlive()
    reportCompleteness()
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }
  const keepRefreshing = async (): Promise<void> => {
    while (!signal.aborted) {
      const pause = complete ? every : Math.min(every, REFRESH_WHILE_INCOMPLETE)
      await sleepUnlessAborted(pause, signal, { ref: false })
      if (!signal.aborted) await refresh().catch(() => undefined)
    }
  }

  try {
    await refresh()
    signal.throwIfAborted()
    if (!isComplete())
      throw new ConnectionError(
        'Could not subscribe: a connection was lost while the others were opened. ' +
          'Check that all primaries are up and reachable.',
        { command: 'SUBSCRIBE' },
      )
  } catch (error) {
    for (const { stop } of subscriptions.values()) stop.abort()
    throw error
  }
  complete = true
  void keepRefreshing()
}

const REFRESH_WHILE_INCOMPLETE = 200
