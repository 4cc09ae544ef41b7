import assert from 'node:assert/strict'
import type { Asleep, Order, Said } from './messages.js'

/** A process that runs `runContender`; what `spawnProcesses` of a test kit makes, for example. */
export interface ContenderProcess {
  send(message: unknown): void
  next<T>(wanted?: undefined, options?: { readonly timeout?: number }): Promise<T>
  /** SIGKILL. */
  kill(): Promise<void>
  /** SIGSTOP. */
  pause(): void
  /** SIGCONT. */
  resume(): void
}

/** What one contender saw of one holding of the lock. µs. */
export interface Holding {
  readonly contender: number
  readonly id: number
  fence: number | undefined
  acquired: number | undefined
  refused: string | undefined
  /** When `assertHeld()` first and last returned. */
  first: number | undefined
  last: number | undefined
  lost: number | undefined
  lostWith: string | undefined
  aborted: number | undefined
  /** The last time before `aborted` that its process did not run. */
  asleep: Asleep | undefined
  ended: number | undefined
}

/**
 * Hears all contenders, keeps what they saw, and is the store they write to: it refuses a fence
 * lower than one it has seen.
 */
export class Witness {
  readonly holdings: Holding[] = []
  readonly lostUpdates: string[] = []
  ready = 0
  stopped = 0
  #value = 0
  #fence = -Infinity
  #changed: (() => void)[] = []
  readonly #patience: number

  constructor(patience: number) {
    this.#patience = patience
  }

  /** What it said before, in another test, is over: it is told to forget it first. */
  hear(contender: number, process: ContenderProcess): void {
    const listen = async (): Promise<void> => {
      process.send({ do: 'forget' } satisfies Order)
      while ((await process.next<Said>(undefined, { timeout: 2 ** 31 - 1 })).type !== 'forgotten');
      this.ready++
      for (const changed of this.#changed.splice(0)) changed()
      for (;;)
        this.#take(
          contender,
          process,
          await process.next<Said>(undefined, { timeout: 2 ** 31 - 1 }),
        )
    }
    listen().catch(() => undefined) // the process has ended
  }

  async until<T>(
    what: string,
    check: () => T | undefined | false,
    within = this.#patience,
  ): Promise<T> {
    const deadline = performance.now() + within
    for (;;) {
      const found = check()
      if (found !== undefined && found !== false) return found
      const left = deadline - performance.now()
      if (left <= 0)
        throw new assert.AssertionError({
          message: `${what}: it did not happen within ${within} ms`,
        })
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#changed.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  holding(contender: number, id: number): Holding | undefined {
    return this.holdings.find((one) => one.contender === contender && one.id === id)
  }

  /** Nobody was told that it held the lock at a time at which another was told so too. */
  assertExclusive(): void {
    const held = this.holdings
      .filter(({ first }) => first !== undefined)
      .sort((a, b) => a.first! - b.first!)
    let before: Holding | undefined
    for (const one of held) {
      if (before)
        assert.ok(
          before.last! < one.first!,
          `two held it at once: contender ${before.contender} until ${before.last}, contender ${one.contender} from ${one.first} (µs)`,
        )
      before = one
    }
  }

  /**
   * By the order in which they were acquired; of two whose claims overlap the order is not known.
   */
  assertFencesRise(): void {
    const held = this.holdings
      .filter(({ first }) => first !== undefined)
      .sort((a, b) => a.first! - b.first!)
    const fences = new Set<number>()
    for (const [i, one] of held.entries()) {
      assert.ok(Number.isSafeInteger(one.fence), `a fence that is none: ${one.fence}`)
      assert.ok(!fences.has(one.fence!), `two holders had the fence ${one.fence}`)
      fences.add(one.fence!)
      const later = held
        .slice(i + 1)
        .find((next) => next.first! > one.last! && next.fence! <= one.fence!)
      assert.ok(later === undefined, `the fence ${later?.fence} came after ${one.fence}`)
    }
  }

  assertNoLostUpdate(): void {
    assert.deepEqual(this.lostUpdates, [])
  }

  #take(contender: number, process: ContenderProcess, said: Said): void {
    if (said.type === 'store') this.#store(process, said)
    else if (said.type === 'stopped') this.stopped++
    else if (said.type !== 'ready' && said.type !== 'forgotten') this.#note(contender, said)
    for (const changed of this.#changed.splice(0)) changed()
  }

  #note(contender: number, said: Extract<Said, { id: number }>): void {
    let holding = this.holding(contender, said.id)
    if (!holding) {
      const nothing = {
        fence: undefined,
        acquired: undefined,
        refused: undefined,
        first: undefined,
        last: undefined,
        lost: undefined,
        lostWith: undefined,
        aborted: undefined,
        asleep: undefined,
        ended: undefined,
      }
      this.holdings.push((holding = { contender, id: said.id, ...nothing }))
    }
    const { at } = said
    if (said.type === 'acquired') Object.assign(holding, { acquired: at, fence: said.fence })
    else if (said.type === 'refused') holding.refused = said.error
    else if (said.type === 'held') Object.assign(holding, { first: holding.first ?? at, last: at })
    else if (said.type === 'lost') Object.assign(holding, { lost: at, lostWith: said.error })
    else if (said.type === 'aborted')
      Object.assign(holding, {
        aborted: holding.aborted ?? at,
        asleep: holding.asleep ?? said.asleep,
      })
    else holding.ended = at
  }

  #store(
    process: ContenderProcess,
    { place, fence, value }: Extract<Said, { type: 'store' }>,
  ): void {
    const accepted = fence >= this.#fence
    this.#fence = Math.max(this.#fence, fence)
    if (accepted && value !== undefined) {
      if (value !== this.#value + 1) this.lostUpdates.push(`${value} over ${this.#value}`)
      this.#value = value
    }
    try {
      process.send({ do: 'stored', place, accepted, value: this.#value } satisfies Order)
    } catch {
      // it was killed meanwhile
    }
  }
}
