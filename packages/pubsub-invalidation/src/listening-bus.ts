import { setTimeout as sleep } from 'node:timers/promises'
import {
  CacheError,
  InvalidOptionError,
  ServerError,
  channels,
  type CacheClient,
  type Subscription,
} from '@cache/core'
import { Slices, createToken, emit, type NearChange } from '@cache/core/internal'
import {
  inNamespace,
  wholeKey,
  type BusEvents,
  type BusStats,
  type BusWiring,
  type Invalidated,
  type Invalidation,
  type InvalidationBus,
} from './bus.js'
import { Listeners } from './listeners.js'
import type { Log } from './log.js'
import { MAX_NAME_LENGTH, decode, encode } from './message.js'
import { Outbox } from './outbox.js'
import { OwnMessages } from './own-messages.js'
import { Repeated } from './repeated.js'
import { publishScript } from './scripts.js'

export interface Listening {
  readonly client: CacheClient
  readonly channel: string
  /** Ms. */
  readonly heartbeat: number
  /** Where scripts announce what they change. */
  readonly announcing: BusWiring['announcing']
  /** Of keys that Redis itself tells about; `undefined`: it does not. */
  readonly tracking?: { readonly prefixes: readonly string[] }
  /** Where what was missed can be read. */
  readonly log?: Log | undefined
  /** What to make of the server's refusal. */
  readonly refused?: (error: ServerError) => CacheError
}

/** A bus that listens to one channel, and to what Redis tells of keys if asked to. */
export class ListeningBus implements InvalidationBus {
  readonly wiring: BusWiring & { freshUntil: number }
  readonly #listening: Listening
  readonly #listeners = new Listeners()
  readonly #own = new OwnMessages()
  readonly #repeated: Repeated | undefined
  readonly #outbox = new Outbox((names) => this.#publish(names))
  readonly #stop = new AbortController()
  readonly #counts = { published: 0, received: 0, own: 0, repeated: 0, unreadable: 0, gaps: 0 }
  /** When the last beat was sent that came back. */
  #alive = 0
  #listens = false
  #attempt: Promise<void>
  #subscription: Subscription | undefined
  /** Counts gaps: what catches up for one is not to end the next. */
  #gap = 0

  constructor(listening: Listening) {
    this.#listening = listening
    const { topology } = listening.client.driver
    this.#repeated = topology === 'cluster' || topology === 'sharded' ? new Repeated() : undefined
    const prefixes = listening.tracking?.prefixes
    this.wiring = {
      client: listening.client,
      freshUntil: -Infinity,
      announcing: listening.announcing,
      covers: (key) =>
        prefixes === undefined ||
        prefixes.length === 0 ||
        prefixes.some((prefix) => key.startsWith(prefix)),
      change: (keys) => this.#change(keys),
    }
    this.#attempt = this.#subscribe()
    void this.#keepTrying()
  }

  get live(): boolean {
    return this.#listens && performance.now() < this.#alive + 2 * this.#listening.heartbeat
  }

  ready(): Promise<void> {
    return this.#attempt
  }

  async publish(invalidation: Invalidation): Promise<void> {
    await this.#outbox.add(namesOf(this.#listening.client, invalidation))
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
    this.#stop.abort()
    if (this.#listens) this.#onGap()
    await this.#subscription?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #change(keys: readonly string[]): NearChange {
    const { announcing } = this.#listening
    const message = { keys, prefixes: [], groups: [], from: this.#own.from, nth: this.#own.next() }
    const done = (): void => this.#listeners.tell('invalidate', message)
    return {
      announcement: announcing && {
        ...announcing,
        from: message.from,
        nth: message.nth,
        id: createToken(),
      },
      acknowledged: done,
      failed: () => {
        this.#own.doubt(message.nth)
        done()
      },
    }
  }

  async #publish(names: Pick<Invalidated, 'keys' | 'prefixes' | 'groups'>): Promise<void> {
    const { client, channel, announcing } = this.#listening
    const message = { ...names, from: this.#own.from, nth: this.#own.next() }
    const payload = encode(message, createToken())
    try {
      if (announcing?.log === undefined)
        await client.send({ args: ['PUBLISH', channel, payload], keys: [] })
      else await client.run(publishScript, [announcing.log], [channel, payload])
    } catch (error) {
      this.#own.doubt(message.nth) // it may be done yet
      throw error
    } finally {
      this.#listeners.tell('invalidate', message)
    }
    this.#counts.published++
  }

  async #keepTrying(): Promise<void> {
    const { signal } = this.#stop
    for (let pause = FIRST_PAUSE; !signal.aborted; pause = Math.min(2 * pause, LAST_PAUSE)) {
      try {
        return await this.#attempt
      } catch (error) {
        emit(channels.error, () => ({ operation: 'subscribe to invalidations', error }))
        await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined)
        if (!signal.aborted) this.#attempt = this.#subscribe()
      }
    }
  }

  async #subscribe(): Promise<void> {
    const { client, channel, heartbeat, tracking, refused } = this.#listening
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
        { everywhere: true, heartbeat, tracking },
      )
      if (this.#stop.signal.aborted) return await subscription.close()
      this.#subscription = subscription
    } catch (error) {
      throw refused && error instanceof ServerError && ['NOPERM', 'ERR'].includes(error.code)
        ? refused(error)
        : error
    }
    await this.#onLive()
  }

  #onMessage(payload: string): void {
    this.#counts.received++
    const read = decode(payload)
    if (read === 'unreadable' || read === 'newer') {
      this.#counts.unreadable++
      this.#tellUnreadable(payload, read)
      if (read === 'newer') this.#listeners.tell('invalidate', everything)
      return
    }
    // Without an id the same may be said twice, and meant.
    if (read.id !== '' && this.#repeated?.has(payload)) return void this.#counts.repeated++
    // While it catches up, the log says how far it has come.
    if (this.#listens) this.#listening.log?.passed(read.at, read.id)
    this.#deliver(read.message)
  }

  #tellUnreadable(payload: string, reason: string): void {
    const error = new CacheError(
      `A message on "${this.#listening.channel}" could not be read (${payload.length} characters).`,
      { code: 'UNREADABLE' },
    )
    emit(channels.error, () => ({ operation: 'read an invalidation', error, reason }))
  }

  #deliver(message: Invalidated): void {
    if (this.#own.knows(message)) this.#counts.own++
    else this.#listeners.tell('invalidate', message)
  }

  #onTracked(keys: readonly string[] | undefined): void {
    this.#counts.received++
    this.#listeners.tell('invalidate', keys ? { ...everything, keys, prefixes: [] } : everything)
  }

  #onGap(): void {
    this.#gap++
    this.#counts.gaps++
    this.#listens = false
    this.wiring.freshUntil = -Infinity
    this.#listeners.tell('gap')
  }

  #onAlive(since: number): void {
    this.#alive = since
    if (this.#listens) this.wiring.freshUntil = since + 2 * this.#listening.heartbeat
  }

  async #onLive(): Promise<void> {
    const gap = this.#gap
    const missed = (await this.#listening.log?.catchUp()) ?? 'unknown'
    const slices = new Slices()
    if (missed !== 'unknown')
      for (const payload of missed) {
        if (slices.over) await slices.next()
        if (this.#isOver(gap)) return
        this.#deliverMissed(payload)
      }
    if (this.#isOver(gap)) return
    this.#listens = true
    // near caches drop what they have before they may answer
    this.#listeners.tell('live', missed !== 'unknown')
    if (gap === this.#gap) this.#onAlive(this.#alive)
  }

  /** Whether there has been another gap, or the end, since. */
  #isOver(gap: number): boolean {
    return gap !== this.#gap || this.#stop.signal.aborted
  }

  #deliverMissed(payload: string): void {
    const read = decode(payload)
    if (read === 'unreadable' || read === 'newer') this.#tellUnreadable(payload, read)
    if (read === 'unreadable') return
    if (read === 'newer') this.#listeners.tell('invalidate', everything)
    else this.#deliver(read.message)
  }
}

const everything: Invalidated = { keys: [], prefixes: [''], groups: [], from: '', nth: 0 }
const FIRST_PAUSE = 50
const LAST_PAUSE = 2_000

function namesOf(
  client: CacheClient,
  invalidation: Invalidation,
): Pick<Invalidated, 'keys' | 'prefixes' | 'groups'> {
  const {
    keys = [],
    prefix,
    groups = [],
    ...rest
  } = (invalidation ?? {}) as Invalidation & Record<string, unknown>
  const isName = (text: unknown): boolean =>
    typeof text === 'string' && text.length <= MAX_NAME_LENGTH
  const fits =
    Array.isArray(keys) &&
    keys.every((key) => typeof key === 'string' || Array.isArray(key)) &&
    Array.isArray(groups) &&
    groups.every((group) => isName(group) && group !== '') &&
    (prefix === undefined || isName(prefix))
  if (
    !fits ||
    Object.keys(rest).length > 0 ||
    (keys.length === 0 && prefix === undefined && groups.length === 0)
  ) {
    throw new InvalidOptionError(
      'invalidation',
      'an object with some of keys: […], prefix: "…", groups: […]',
      invalidation,
    )
  }
  return {
    keys: keys.map((key) => wholeKey(client, key)),
    prefixes: prefix === undefined ? [] : [inNamespace(client, prefix)],
    groups,
  }
}
