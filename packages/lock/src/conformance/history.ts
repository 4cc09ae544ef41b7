import assert from 'node:assert/strict'
import type { ContenderCommand, ContenderEvent, ProcessPause } from './messages.js'
import type { ContenderProcess } from './stage.js'

/** The course of one attempt to acquire and hold the lock. Times are in µs. */
export interface Attempt {
  readonly contender: number
  readonly id: number
  fence: number | undefined
  acquiredAt: number | undefined
  /** The name of the error with which `acquire` rejected. */
  refusedWith: string | undefined
  /** When `assertHeld()` first returned. */
  firstHeldAt: number | undefined
  /** When `assertHeld()` last returned. */
  lastHeldAt: number | undefined
  /** When `assertHeld()` threw. */
  lostAt: number | undefined
  /** The name of the error that `assertHeld()` threw. */
  lostWith: string | undefined
  /** When the signal aborted. */
  abortedAt: number | undefined
  /** The last pause of the process before `abortedAt`. */
  pause: ProcessPause | undefined
  endedAt: number | undefined
}

/**
 * Records the events of all contenders, and checks them.
 *
 * It is also the store to which the contenders write. The store rejects a fence that is lower than
 * one it has seen.
 */
export class History {
  readonly attempts: Attempt[] = []
  readonly lostUpdates: string[] = []
  /** How many contenders are ready. */
  ready = 0
  /** How many contenders have obeyed the `stop` command. */
  stopped = 0
  #storedValue = 0
  #highestFence = -Infinity
  #onChange: (() => void)[] = []
  readonly #timeout: number

  /** `timeout`: in ms, the longest wait of `waitFor`. */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /**
   * Records the events of a contender. The contender is reset first, and its events before that
   * belong to an earlier test.
   */
  record(contender: number, process: ContenderProcess): void {
    const nextEvent = (): Promise<ContenderEvent> =>
      process.next<ContenderEvent>(undefined, { timeout: 2 ** 31 - 1 })
    const listen = async (): Promise<void> => {
      process.send({ do: 'reset' } satisfies ContenderCommand)
      while ((await nextEvent()).type !== 'resetDone');
      this.ready++
      this.#notify()
      for (;;) this.#handle(contender, process, await nextEvent())
    }
    listen().catch(() => undefined) // the process has ended
  }

  /** Resolves to the first result of `check` that is neither `undefined` nor `false`. */
  async waitFor<T>(
    description: string,
    check: () => T | undefined | false,
    timeout = this.#timeout,
  ): Promise<T> {
    const deadline = performance.now() + timeout
    for (;;) {
      const result = check()
      if (result !== undefined && result !== false) return result
      const left = deadline - performance.now()
      if (left <= 0)
        throw new assert.AssertionError({
          message: `${description}: it did not happen within ${timeout} ms`,
        })
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#onChange.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  attempt(contender: number, id: number): Attempt | undefined {
    return this.attempts.find((attempt) => attempt.contender === contender && attempt.id === id)
  }

  /** Asserts that no two contenders held the lock at the same time. */
  assertExclusive(): void {
    let previous: Attempt | undefined
    for (const attempt of this.#heldInOrder()) {
      if (previous)
        assert.ok(
          previous.lastHeldAt! < attempt.firstHeldAt!,
          'two contenders held the lock at once: ' +
            `contender ${previous.contender} until ${previous.lastHeldAt} µs, ` +
            `contender ${attempt.contender} from ${attempt.firstHeldAt} µs`,
        )
      previous = attempt
    }
  }

  /**
   * Asserts that fences are unique, and rise in the order in which the lock was acquired. The order
   * of attempts that overlap is not known.
   */
  assertFencesRise(): void {
    const held = this.#heldInOrder()
    const fences = new Set<number>()
    for (const [i, attempt] of held.entries()) {
      const { fence, lastHeldAt } = attempt
      assert.ok(Number.isSafeInteger(fence), `not a valid fence: ${fence}`)
      assert.ok(!fences.has(fence!), `two holders had the fence ${fence}`)
      fences.add(fence!)
      const later = held
        .slice(i + 1)
        .find((next) => next.firstHeldAt! > lastHeldAt! && next.fence! <= fence!)
      assert.ok(later === undefined, `the fence ${later?.fence} came after ${fence}`)
    }
  }

  assertNoLostUpdate(): void {
    assert.deepEqual(this.lostUpdates, [])
  }

  #heldInOrder(): Attempt[] {
    return this.attempts
      .filter(({ firstHeldAt }) => firstHeldAt !== undefined)
      .sort((a, b) => a.firstHeldAt! - b.firstHeldAt!)
  }

  #notify(): void {
    for (const changed of this.#onChange.splice(0)) changed()
  }

  #handle(contender: number, process: ContenderProcess, event: ContenderEvent): void {
    if (event.type === 'store') this.#accessStore(process, event)
    else if (event.type === 'stopped') this.stopped++
    else if (event.type !== 'ready' && event.type !== 'resetDone') this.#update(contender, event)
    this.#notify()
  }

  #update(contender: number, event: Extract<ContenderEvent, { id: number }>): void {
    const attempt = this.attempt(contender, event.id) ?? this.#addAttempt(contender, event.id)
    const { at } = event
    if (event.type === 'acquired') {
      attempt.acquiredAt = at
      attempt.fence = event.fence
    } else if (event.type === 'refused') {
      attempt.refusedWith = event.error
    } else if (event.type === 'held') {
      attempt.firstHeldAt ??= at
      attempt.lastHeldAt = at
    } else if (event.type === 'lost') {
      attempt.lostAt = at
      attempt.lostWith = event.error
    } else if (event.type === 'aborted') {
      attempt.abortedAt ??= at
      attempt.pause ??= event.pause
    } else {
      attempt.endedAt = at
    }
  }

  #addAttempt(contender: number, id: number): Attempt {
    const attempt: Attempt = {
      contender,
      id,
      fence: undefined,
      acquiredAt: undefined,
      refusedWith: undefined,
      firstHeldAt: undefined,
      lastHeldAt: undefined,
      lostAt: undefined,
      lostWith: undefined,
      abortedAt: undefined,
      pause: undefined,
      endedAt: undefined,
    }
    this.attempts.push(attempt)
    return attempt
  }

  #accessStore(
    process: ContenderProcess,
    { requestId, fence, value }: Extract<ContenderEvent, { type: 'store' }>,
  ): void {
    const accepted = fence >= this.#highestFence
    this.#highestFence = Math.max(this.#highestFence, fence)
    if (accepted && value !== undefined) {
      if (value !== this.#storedValue + 1)
        this.lostUpdates.push(`${value} over ${this.#storedValue}`)
      this.#storedValue = value
    }
    try {
      process.send({
        do: 'storeResult',
        requestId,
        accepted,
        value: this.#storedValue,
      } satisfies ContenderCommand)
    } catch {
      // The contender was killed in the meantime.
    }
  }
}
