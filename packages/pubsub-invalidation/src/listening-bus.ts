import {
  CacheError,
  InvalidOptionError,
  ServerError,
  channels,
  type CacheClient,
  type Subscription,
} from '@cache/core'
import {
  Backoff,
  Slices,
  addGauge,
  addHealthPart,
  closeWith,
  createToken,
  emit,
  sleepUnlessAborted,
  type HealthPart,
  type NearChange,
} from '@cache/core/internal'
import type {
  BusEvents,
  BusInternals,
  BusStats,
  Invalidated,
  Invalidation,
  InvalidationBus,
} from './bus.js'
import { DuplicateFilter } from './duplicate-filter.js'
import type { InvalidationLog } from './invalidation-log.js'
import { checkInvalidation, type InvalidationNames } from './invalidation-names.js'
import { Listeners } from './listeners.js'
import { MessageSender } from './message-sender.js'
import { decode, encode, type DecodedMessage } from './message.js'
import { PublishQueue } from './publish-queue.js'
import { publishScript } from './scripts.js'

export interface ListeningBusOptions {
  readonly client: CacheClient
  readonly channel: string
  /** Ms. */
  readonly heartbeat: number
  /** Where scripts announce what they change. */
  readonly announceTo: BusInternals['announceTo']
  /** The keys whose changes Redis itself reports; `undefined`: none. */
  readonly tracking?: { readonly prefixes: readonly string[] }
  /** The log from which missed messages are read. */
  readonly log?: InvalidationLog | undefined
  /** Converts the error with which the server refuses the subscription. */
  readonly toRefusal?: (error: ServerError) => CacheError
}

/** A bus that listens to one channel and, with tracking, to the key changes that Redis reports. */
export class ListeningBus implements InvalidationBus {
  readonly internals: BusInternals & { freshUntil: number }
  readonly #options: ListeningBusOptions
  readonly #listeners = new Listeners()
  readonly #sender = new MessageSender()
  readonly #duplicates: DuplicateFilter | undefined
  readonly #queue = new PublishQueue((names) => this.#publish(names))
  readonly #removeHealth: () => void
  readonly #removeGauge: () => void
  readonly #stop = new AbortController()
  readonly #counts = { published: 0, received: 0, own: 0, repeated: 0, unreadable: 0, gaps: 0 }
  /** When the last heartbeat that came back was sent. */
  #aliveSince = 0
  #listens = false
  #attempt: Promise<void>
  #subscription: Subscription | undefined
  /** Number of the current gap, so that catching up after one gap does not end the next. */
  #gap = 0

  constructor(options: ListeningBusOptions) {
    this.#options = options
    const { topology } = options.client.driver
    this.#duplicates =
      topology === 'cluster' || topology === 'sharded' ? new DuplicateFilter() : undefined
    const prefixes = options.tracking?.prefixes
    this.internals = {
      client: options.client,
      freshUntil: -Infinity,
      announceTo: options.announceTo,
      covers: (key) =>
        prefixes === undefined ||
        prefixes.length === 0 ||
        prefixes.some((prefix) => key.startsWith(prefix)),
      change: (keys) => this.#change(keys),
    }
    closeWith(options.client, this, 'bus')
    this.#removeHealth = addHealthPart(options.client, `bus ${options.channel}`, this, checkBus)
    this.#removeGauge = addGauge(options.client, 'bus', options.channel, this, measureBus)
    this.#attempt = this.#subscribe()
    void this.#keepTrying()
  }

  get live(): boolean {
    return this.#listens && performance.now() < this.#aliveSince + 2 * this.#options.heartbeat
  }

  ready(): Promise<void> {
    return this.#attempt
  }

  async publish(invalidation: Invalidation): Promise<void> {
    await this.#queue.add(checkInvalidation(this.#options.client, invalidation))
  }

  on<E extends keyof BusEvents>(event: E, listener: BusEvents[E]): () => void {
    if (!['invalidate', 'gap', 'live'].includes(event))
      throw new InvalidOptionError('event', "one of 'invalidate', 'gap', 'live'", event)
    if (typeof listener !== 'function')
      throw new InvalidOptionError('listener', 'a function', listener)
    return this.#listeners.add(event, listener)
  }

  stats(): BusStats {
    return { ...this.#counts }
  }

  async close(): Promise<void> {
    this.#removeHealth()
    this.#removeGauge()
    this.#stop.abort()
    if (this.#listens) this.#onGap()
    await this.#subscription?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #change(keys: readonly string[]): NearChange {
    const { announceTo } = this.#options
    const sequence = this.#sender.nextSequence()
    const message = { keys, prefixes: [], groups: [], from: this.#sender.id, sequence }
    const notify = (): void => this.#listeners.notify('invalidate', message)
    return {
      announcement: announceTo && {
        ...announceTo,
        from: message.from,
        nth: sequence,
        id: createToken(),
      },
      acknowledged: notify,
      failed: () => {
        this.#sender.markUncertain(sequence)
        notify()
      },
    }
  }

  async #publish(names: InvalidationNames): Promise<void> {
    const { client, channel, announceTo } = this.#options
    const sequence = this.#sender.nextSequence()
    const message = { ...names, from: this.#sender.id, sequence }
    const payload = encode(message, createToken())
    try {
      if (announceTo?.log === undefined)
        await client.send({ args: ['PUBLISH', channel, payload], keys: [] })
      else await client.run(publishScript, [announceTo.log], [channel, payload])
    } catch (error) {
      this.#sender.markUncertain(sequence) // it may still be executed
      throw error
    } finally {
      this.#listeners.notify('invalidate', message)
    }
    this.#counts.published++
  }

  async #keepTrying(): Promise<void> {
    const { signal } = this.#stop
    const backoff = new Backoff({ first: 50, max: 2_000 })
    while (!signal.aborted) {
      try {
        return await this.#attempt
      } catch (error) {
        emit(channels.error, () => ({ operation: 'subscribe to invalidations', error }))
        await sleepUnlessAborted(backoff.next(), signal, { ref: false })
        if (!signal.aborted) this.#attempt = this.#subscribe()
      }
    }
  }

  async #subscribe(): Promise<void> {
    const { client, channel, heartbeat, tracking, toRefusal } = this.#options
    try {
      const subscription = await client.driver.subscribe(
        [channel],
        {
          message: (_, payload) => this.#onMessage(payload),
          invalidated: (keys) => this.#onTracked(keys),
          gap: () => this.#onGap(),
          live: () => void this.#onLive(),
          alive: (since) => this.#onAlive(since),
        },
        { everyPrimary: true, heartbeat, tracking },
      )
      if (this.#stop.signal.aborted) return await subscription.close()
      this.#subscription = subscription
    } catch (error) {
      throw toRefusal && error instanceof ServerError && ['NOPERM', 'ERR'].includes(error.code)
        ? toRefusal(error)
        : error
    }
    await this.#onLive()
  }

  #onMessage(payload: string): void {
    this.#counts.received++
    const decoded = decode(payload)
    if (decoded === 'unreadable' || decoded === 'newer') {
      this.#counts.unreadable++
      this.#reportUnreadable(payload, decoded)
      if (decoded === 'newer') this.#listeners.notify('invalidate', INVALIDATE_ALL)
      return
    }
    // A message without an id may be sent twice on purpose.
    if (decoded.id !== '' && this.#duplicates?.isDuplicate(payload)) {
      this.#counts.repeated++
      return
    }
    // During catch-up, the log itself determines the position.
    if (this.#listens) this.#options.log?.advanceTo(decoded.at, decoded.id)
    this.#deliver(decoded.message)
  }

  #onTracked(keys: readonly string[] | undefined): void {
    this.#counts.received++
    this.#listeners.notify(
      'invalidate',
      keys ? { ...INVALIDATE_ALL, keys, prefixes: [] } : INVALIDATE_ALL,
    )
  }

  #onGap(): void {
    this.#gap++
    this.#counts.gaps++
    this.#listens = false
    this.internals.freshUntil = -Infinity
    this.#listeners.notify('gap')
  }

  #onAlive(since: number): void {
    this.#aliveSince = since
    if (this.#listens) this.internals.freshUntil = since + 2 * this.#options.heartbeat
  }

  async #onLive(): Promise<void> {
    const gap = this.#gap
    const caughtUp = await this.#options.log?.catchUp()
    const missed = caughtUp?.missed ?? 'unknown'
    const slices = new Slices()
    if (missed !== 'unknown')
      for (const payload of missed) {
        if (slices.over) await slices.next()
        if (this.#isOver(gap)) return
        this.#deliverMissed(payload)
      }
    if (this.#isOver(gap)) return
    caughtUp?.done()
    this.#listens = true
    // Near caches must drop their entries before they may answer, so the listeners come first.
    this.#listeners.notify('live', missed !== 'unknown')
    if (gap === this.#gap) this.#onAlive(this.#aliveSince)
  }

  /** Whether another gap has begun since, or the bus was closed. */
  #isOver(gap: number): boolean {
    return gap !== this.#gap || this.#stop.signal.aborted
  }

  #deliver(message: Invalidated): void {
    if (this.#sender.isOwn(message)) this.#counts.own++
    else this.#listeners.notify('invalidate', message)
  }

  #deliverMissed(payload: string): void {
    const decoded = decode(payload)
    if (decoded === 'unreadable' || decoded === 'newer') this.#reportUnreadable(payload, decoded)
    if (decoded === 'unreadable') return
    if (decoded === 'newer') this.#listeners.notify('invalidate', INVALIDATE_ALL)
    else this.#deliver(decoded.message)
  }

  #reportUnreadable(payload: string, reason: Extract<DecodedMessage, string>): void {
    const error = new CacheError(
      `A message on "${this.#options.channel}" could not be read (${payload.length} characters).`,
      { code: 'UNREADABLE' },
    )
    emit(channels.error, () => ({ operation: 'read an invalidation', error, reason }))
  }
}

const checkBus = (bus: ListeningBus): HealthPart => ({
  healthy: bus.live,
  details: { ...bus.stats() },
})

const measureBus = ({ live }: ListeningBus): { readonly live: boolean } => ({ live })

const INVALIDATE_ALL: Invalidated = {
  keys: [],
  prefixes: [''],
  groups: [],
  from: '',
  sequence: 0,
}
