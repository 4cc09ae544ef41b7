import { setTimeout as sleep } from 'node:timers/promises'
import type { Lock } from '../lock.js'
import type { Locks } from '../locks.js'
import type { ContenderCommand, ContenderEvent, ProcessPause } from './messages.js'

/** The connection of a contender to the suite. */
export interface ContenderLink {
  /** Sends a message to the suite. */
  say(message: unknown): Promise<void> | void
  /** Resolves to the next message of the suite. */
  next(): Promise<unknown>
}

/**
 * Runs a contender: a process that acquires the locks under test as the suite commands, until the
 * process ends.
 *
 * @example
 * // contender.ts, started by the stage of `runLockTests`
 * await runContender(createLocks({ client }), link)
 */
export async function runContender(
  locks: Pick<Locks, 'acquire'>,
  link: ContenderLink,
): Promise<never> {
  const send = async (event: ContenderEvent): Promise<void> => link.say(event)
  const releases = new Map<number, () => void>()
  const storeResults = new Map<number, (result: StoreResult) => void>()
  const running = new Set<Promise<void>>()
  const pauses = new PauseDetector()
  let lastRequestId = 0
  let lastContendId = FIRST_CONTEND_ID
  let stopped = new AbortController()
  let resetting = new AbortController()

  await send({ type: 'ready' })
  for (;;) {
    const command = (await link.next()) as ContenderCommand
    if (command.do === 'hold') run(hold(command))
    else if (command.do === 'release') releases.get(command.id)?.()
    else if (command.do === 'contend') run(contend(command))
    else if (command.do === 'stop') stopped.abort()
    else if (command.do === 'reset') void reset()
    else storeResults.get(command.requestId)?.(command)
  }

  function run(work: Promise<void>): void {
    const tracked = work.finally(() => running.delete(tracked))
    running.add(tracked)
  }

  async function reset(): Promise<void> {
    stopped.abort()
    resetting.abort()
    for (const release of releases.values()) release()
    await Promise.all(running)
    resetting = new AbortController()
    await send({ type: 'resetDone' })
  }

  async function hold({ id, name, ttl, wait, block }: HoldCommand): Promise<void> {
    let lock: Lock
    try {
      lock = await locks.acquire(name, { ttl, wait, signal: resetting.signal })
    } catch (error) {
      return send({ type: 'refused', id, error: nameOf(error), at: now() })
    }
    const released = new Promise<void>((resolve) => releases.set(id, resolve))
    if (resetting.signal.aborted) releases.get(id)!()
    lock.signal.addEventListener('abort', () => void send(abortedEvent(id)), { once: true })
    if (lock.signal.aborted) await send(abortedEvent(id))
    await send({ type: 'acquired', id, fence: lock.fence, at: now() })
    if (block !== undefined) blockFor(block)
    let over = false
    void released.then(() => {
      over = true
    })
    while (!over && (await sample(lock, id))) await Promise.race([released, sleep(SAMPLE_INTERVAL)])
    releases.delete(id)
    await lock.release().catch(() => false)
    await send({ type: 'ended', id, at: now() })
  }

  function abortedEvent(id: number): ContenderEvent {
    const at = now()
    const pause = pauses.last()
    return { type: 'aborted', id, at, ...(pause && { pause }) }
  }

  async function contend({ name, ttl, wait }: ContendCommand): Promise<void> {
    stopped = new AbortController()
    const { signal } = stopped
    while (!signal.aborted) {
      const id = ++lastContendId
      let lock: Lock | undefined
      try {
        lock = await locks.acquire(name, { ttl, wait, signal })
        await send({ type: 'acquired', id, fence: lock.fence, at: now() })
        if (await sample(lock, id)) {
          const { value } = await accessStore(lock.fence)
          await sleep(SAMPLE_INTERVAL)
          await sample(lock, id)
          await accessStore(lock.fence, value + 1)
          await sample(lock, id)
        }
      } catch {
        // The wait ended without the lock. The next iteration tries again.
      }
      await lock?.release().catch(() => false)
      await send({ type: 'ended', id, at: now() })
      await sleep(1)
    }
    await send({ type: 'stopped' })
  }

  /** Reports whether `assertHeld()` returns or throws. */
  async function sample(lock: Lock, id: number): Promise<boolean> {
    const at = now()
    try {
      lock.assertHeld()
    } catch (error) {
      await send({ type: 'lost', id, at, error: nameOf(error) })
      return false
    }
    await send({ type: 'held', id, at })
    return true
  }

  /** Writes a value to the store of the suite, or reads it if there is none. */
  async function accessStore(fence: number, value?: number): Promise<StoreResult> {
    const requestId = ++lastRequestId
    const result = new Promise<StoreResult>((resolve) => storeResults.set(requestId, resolve))
    await send({ type: 'store', requestId, fence, ...(value !== undefined && { value }) })
    try {
      return await result
    } finally {
      storeResults.delete(requestId)
    }
  }
}

type HoldCommand = Extract<ContenderCommand, { do: 'hold' }>
type ContendCommand = Extract<ContenderCommand, { do: 'contend' }>
type StoreResult = Extract<ContenderCommand, { do: 'storeResult' }>

/** Detects when this process did not run, so that no event could reach it. */
class PauseDetector {
  #lastTick = now()
  #lastPause: ProcessPause | undefined

  constructor() {
    setInterval(() => this.#tick(), SAMPLE_INTERVAL).unref()
  }

  /** Returns the last pause that was longer than those of a busy machine. */
  last(): ProcessPause | undefined {
    this.#tick()
    return this.#lastPause
  }

  #tick(): void {
    const at = now()
    if (at - this.#lastTick > SHORTEST_PAUSE) this.#lastPause = { from: this.#lastTick, to: at }
    this.#lastTick = at
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

/** In ms. */
const SAMPLE_INTERVAL = 5
/** In µs. */
const SHORTEST_PAUSE = 30_000
/** The attempts of `contend` have higher ids than those of `hold`. */
const FIRST_CONTEND_ID = 1_000_000
