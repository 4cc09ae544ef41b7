import type { FailureKind } from './failure-kind.js'

interface RecurringFailure {
  count: number
  readonly firstAt: number
  lastAt: number
  timer: NodeJS.Timeout
}

export interface RecurringFailureEvents {
  began(kind: FailureKind): void
  ended(label: string, ms: number, count: number): void
}

/**
 * Failures of which no single success tells that they are over, such as refused commands or failed
 * refreshes. A kind ends when it has not occurred for `quiet` ms.
 */
export class RecurringFailures {
  readonly #events: RecurringFailureEvents
  readonly #quiet: number
  readonly #current = new Map<string, RecurringFailure>()

  constructor(events: RecurringFailureEvents, quiet: number) {
    this.#events = events
    this.#quiet = quiet
  }

  occurred(kind: FailureKind): void {
    const now = performance.now()
    const known = this.#current.get(kind.label)
    if (known) {
      known.count++
      known.lastAt = now
      return
    }
    if (this.#current.size >= MAX_KINDS) return
    const timer = this.#checkIn(kind.label, this.#quiet)
    this.#current.set(kind.label, { count: 1, firstAt: now, lastAt: now, timer })
    this.#events.began(kind)
  }

  close(): void {
    for (const { timer } of this.#current.values()) clearTimeout(timer)
    this.#current.clear()
  }

  #checkIn(label: string, ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#check(label), ms).unref()
  }

  #check(label: string): void {
    const failure = this.#current.get(label)
    if (!failure) return
    const { count, firstAt, lastAt } = failure
    const remaining = lastAt + this.#quiet - performance.now()
    if (remaining > 0) {
      failure.timer = this.#checkIn(label, remaining)
      return
    }
    this.#current.delete(label)
    this.#events.ended(label, lastAt - firstAt, count)
  }
}

/** The names of errors of a loader are not bounded, but the log is. */
const MAX_KINDS = 100
