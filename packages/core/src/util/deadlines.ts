import { SwapList, type Handle } from './swap-list.js'

export interface Deadline {
  /** By `performance.now()`. */
  at: number
  /** How long it was set for. */
  readonly ms: number
  /** How often it was put off because the process was busy. */
  extended: number
  readonly expire: () => void
}

/**
 * Deadlines without a timer each: one timer is armed for the earliest, and looks at all that are
 * open when it fires.
 *
 * With `forReplies`, a deadline is one for a reply, and a busy process is not taken for a silent
 * server: it expires only after the sockets have been read, and time in which the process was
 * blocked does not count. A timer that fires late puts the deadline off by as much, up to the
 * deadline's own length and at most three times.
 */
export class Deadlines {
  readonly #forReplies: boolean
  readonly #open = new SwapList<Deadline>()
  #timer: NodeJS.Timeout | undefined
  #armedFor = Infinity

  constructor({ forReplies = false } = {}) {
    this.#forReplies = forReplies
  }

  /** Calls `expire` in so many ms, unless it is done before. */
  set(ms: number, expire: () => void, now = performance.now()): Handle<Deadline> {
    const deadline = this.#open.add({ at: now + ms, ms, extended: 0, expire })
    if (deadline.item.at < this.#armedFor) this.#arm(deadline.item.at, ms)
    return deadline
  }

  done(deadline: Handle<Deadline>): void {
    this.#open.delete(deadline)
  }

  #arm(at: number, ms: number): void {
    clearTimeout(this.#timer)
    this.#armedFor = at
    // Node's longest timer; who waits longer is looked at again.
    this.#timer = setTimeout(() => this.#check(), Math.min(Math.ceil(ms), 2 ** 31 - 1))
    this.#timer.unref()
  }

  #check(): void {
    const now = performance.now()
    const blocked = this.#forReplies && now - this.#armedFor > BLOCKED
    this.#armedFor = Infinity
    const due: Handle<Deadline>[] = []
    let next = Infinity
    for (const seat of this.#open.seats) {
      const deadline = seat.item
      if (blocked && deadline.at <= now && deadline.extended < MOST_EXTENSIONS) {
        deadline.extended++
        deadline.at = now + Math.min(now - deadline.at, deadline.ms)
      }
      if (deadline.at <= now) due.push(seat)
      else next = Math.min(next, deadline.at)
    }
    if (next < Infinity) this.#arm(next, next - now)
    // Node runs timers before it reads the sockets, and immediates after it.
    if (this.#forReplies && due.length > 0) setImmediate(() => this.#expire(due))
    else this.#expire(due)
  }

  #expire(due: Handle<Deadline>[]): void {
    due.sort((a, b) => a.item.at - b.item.at)
    for (const seat of due) if (this.#open.delete(seat)) seat.item.expire()
  }
}

/** Ms by which a timer is late only where the process was blocked, or asleep. */
const BLOCKED = 10
const MOST_EXTENSIONS = 3
