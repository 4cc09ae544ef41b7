import { SwapList, type Handle } from './swap-list.js'
import { timerDelay } from './timer-delay.js'
import { unref } from './unref.js'

/** One deadline. */
export class Deadline {
  /** When it expires, by `performance.now()`. */
  at: number
  /** Its length in ms. */
  readonly ms: number
  /** How often it was extended because the process was busy. */
  extended = 0
  readonly expire: () => void

  constructor(at: number, ms: number, expire: () => void) {
    this.at = at
    this.ms = ms
    this.expire = expire
  }
}

/**
 * A set of deadlines that share one timer. The timer is set for the earliest deadline, and checks
 * all open deadlines when it fires.
 *
 * With `forReplies`, the deadlines are for replies of a server, and a busy process is not taken for
 * a silent server. A deadline then expires only after the sockets have been read, and the time for
 * which the process was blocked does not count: a timer that fires late extends the deadline by the
 * delay, at most by its own length, and at most three times.
 */
export class Deadlines {
  readonly #forReplies: boolean
  readonly #open = new SwapList<Deadline>()
  #timer: NodeJS.Timeout | undefined
  #armedFor = Infinity

  constructor({ forReplies = false } = {}) {
    this.#forReplies = forReplies
  }

  /** Calls `expire` after `ms`, unless `done` is called before. */
  set(ms: number, expire: () => void, now = performance.now()): Handle<Deadline> {
    const deadline = this.#open.add(new Deadline(now + ms, ms, expire))
    if (deadline.item.at < this.#armedFor) this.#arm(deadline.item.at, ms)
    return deadline
  }

  /** Removes a deadline. */
  done(deadline: Handle<Deadline>): void {
    this.#open.delete(deadline)
  }

  #arm(at: number, ms: number): void {
    clearTimeout(this.#timer)
    this.#armedFor = at
    // Longer deadlines are checked again when it fires.
    this.#timer = unref(setTimeout(() => this.#check(), timerDelay(Math.ceil(ms))))
  }

  #check(): void {
    const now = performance.now()
    const blocked = this.#forReplies && now - this.#armedFor > BLOCKED_AFTER
    this.#armedFor = Infinity
    const due: Handle<Deadline>[] = []
    let next = Infinity
    for (const handle of this.#open.handles) {
      const deadline = handle.item
      if (blocked && deadline.at <= now && deadline.extended < MAX_EXTENSIONS) {
        deadline.extended++
        deadline.at = now + Math.min(now - deadline.at, deadline.ms)
      }
      if (deadline.at <= now) due.push(handle)
      else next = Math.min(next, deadline.at)
    }
    if (next < Infinity) this.#arm(next, next - now)
    // Node.js runs timers before it reads the sockets, and immediates after it.
    if (this.#forReplies && due.length > 0) setImmediate(() => this.#expire(due))
    else this.#expire(due)
  }

  #expire(due: Handle<Deadline>[]): void {
    due.sort((a, b) => a.item.at - b.item.at)
    for (const handle of due) if (this.#open.delete(handle)) handle.item.expire()
  }
}

/** A timer that is more than this many ms late shows that the process was blocked or suspended. */
const BLOCKED_AFTER = 10
const MAX_EXTENSIONS = 3
