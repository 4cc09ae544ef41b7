import { setTimeout as sleep } from 'node:timers/promises'
import type { Lock } from '../lock.js'
import type { Locks } from '../locks.js'
import type { Asleep, Order, Said } from './messages.js'

/** How a contender talks to the suite. */
export interface ContenderLink {
  say(message: unknown): Promise<void> | void
  next(): Promise<unknown>
}

/**
 * One contender, in a process of its own: does what the suite tells it, with the locks under test,
 * until the process ends.
 *
 * @example
 * // contender.ts, started by the stage of `runLockTests`
 * await runContender(createLocks({ client }), link)
 */
export async function runContender(
  locks: Pick<Locks, 'acquire'>,
  link: ContenderLink,
): Promise<never> {
  const say = async (message: Said): Promise<void> => link.say(message)
  const releases = new Map<number, () => void>()
  const stored = new Map<number, (answer: Extract<Order, { do: 'stored' }>) => void>()
  const running = new Set<Promise<void>>()
  let places = 0
  let ids = 0
  const ticks = new Ticks()
  let stop = new AbortController()
  let forgotten = new AbortController()

  await say({ type: 'ready' })
  for (;;) {
    const order = (await link.next()) as Order
    if (order.do === 'hold') run(hold(order))
    else if (order.do === 'release') releases.get(order.id)?.()
    else if (order.do === 'contend') run(contend(order))
    else if (order.do === 'stop') stop.abort()
    else if (order.do === 'forget') void forget()
    else stored.get(order.place)?.(order)
  }

  function run(work: Promise<void>): void {
    const tracked = work.finally(() => running.delete(tracked))
    running.add(tracked)
  }

  async function forget(): Promise<void> {
    stop.abort()
    forgotten.abort()
    for (const release of releases.values()) release()
    await Promise.all(running)
    forgotten = new AbortController()
    await say({ type: 'forgotten' })
  }

  async function hold({
    id,
    name,
    ttl,
    wait,
    block,
  }: Extract<Order, { do: 'hold' }>): Promise<void> {
    let lock: Lock
    try {
      lock = await locks.acquire(name, { ttl, wait, signal: forgotten.signal })
    } catch (error) {
      return say({ type: 'refused', id, error: nameOf(error), at: now() })
    }
    const told = new Promise<void>((resolve) => releases.set(id, resolve))
    if (forgotten.signal.aborted) releases.get(id)!()
    lock.signal.addEventListener('abort', () => void say(aborted(id)), { once: true })
    if (lock.signal.aborted) await say(aborted(id))
    await say({ type: 'acquired', id, fence: lock.fence, at: now() })
    if (block !== undefined) blockFor(block)
    let over = false
    void told.then(() => {
      over = true
    })
    while (!over && (await sample(lock, id))) await Promise.race([told, sleep(SAMPLE)])
    releases.delete(id)
    await lock.release().catch(() => false)
    await say({ type: 'ended', id, at: now() })
  }

  function aborted(id: number): Said {
    const at = now()
    const asleep = ticks.asleep()
    return { type: 'aborted', id, at, ...(asleep && { asleep }) }
  }

  async function contend({ name, ttl, wait }: Extract<Order, { do: 'contend' }>): Promise<void> {
    stop = new AbortController()
    const { signal } = stop
    while (!signal.aborted) {
      const id = CONTEND_IDS + ++ids
      let lock: Lock | undefined
      try {
        lock = await locks.acquire(name, { ttl, wait, signal })
        await say({ type: 'acquired', id, fence: lock.fence, at: now() })
        if (await sample(lock, id)) {
          const { value } = await store(lock.fence)
          await sleep(SAMPLE)
          await sample(lock, id)
          await store(lock.fence, value + 1)
          await sample(lock, id)
        }
      } catch {
        // of the wait: the next round asks again
      }
      await lock?.release().catch(() => false)
      await say({ type: 'ended', id, at: now() })
      await sleep(1)
    }
    await say({ type: 'stopped' })
  }

  async function sample(lock: Lock, id: number): Promise<boolean> {
    const at = now()
    try {
      lock.assertHeld()
    } catch (error) {
      await say({ type: 'lost', id, at, error: nameOf(error) })
      return false
    }
    await say({ type: 'held', id, at })
    return true
  }

  async function store(fence: number, value?: number): Promise<Extract<Order, { do: 'stored' }>> {
    const place = ++places
    const answer = new Promise<Extract<Order, { do: 'stored' }>>((resolve) =>
      stored.set(place, resolve),
    )
    await say({ type: 'store', place, fence, ...(value !== undefined && { value }) })
    try {
      return await answer
    } finally {
      stored.delete(place)
    }
  }
}

/** Knows when this process did not run: then it could not be told anything. */
class Ticks {
  #last = now()
  #asleep: Asleep | undefined

  constructor() {
    setInterval(() => this.#tick(), SAMPLE).unref()
  }

  /** The last time that was longer than a busy machine's usual hiccup. */
  asleep(): Asleep | undefined {
    this.#tick()
    return this.#asleep
  }

  #tick(): void {
    const at = now()
    if (at - this.#last > HICCUP) this.#asleep = { from: this.#last, to: at }
    this.#last = at
  }
}

function now(): number {
  return Number(process.hrtime.bigint() / 1_000n)
}

function blockFor(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : String(error)
}

/** Ms. */
const SAMPLE = 5
/** µs. */
const HICCUP = 30_000
const CONTEND_IDS = 1_000_000
