import { Bag, type Seat } from '../bag.js'

export interface Deadline {
  /** By `performance.now()`. */
  readonly at: number
  readonly expire: () => void
}

/** Deadlines without a timer each: one is armed for the next of them, and looks at all that are open when it fires. */
export class Deadlines {
  readonly #open = new Bag<Deadline>()
  #timer: NodeJS.Timeout | undefined
  #armedFor = Infinity

  /** Calls `expire` in so many ms, unless it is done before. */
  set(ms: number, expire: () => void): Seat<Deadline> {
    const deadline = this.#open.add({ at: performance.now() + ms, expire })
    if (deadline.item.at < this.#armedFor) this.#arm(deadline.item.at, ms)
    return deadline
  }

  done(deadline: Seat<Deadline>): void {
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
    this.#armedFor = Infinity
    const now = performance.now()
    const late: Seat<Deadline>[] = []
    let next = Infinity
    for (const seat of this.#open.seats) {
      if (seat.item.at <= now) late.push(seat)
      else next = Math.min(next, seat.item.at)
    }
    if (next < Infinity) this.#arm(next, next - now)
    late.sort((a, b) => a.item.at - b.item.at)
    for (const seat of late) {
      this.#open.delete(seat)
      seat.item.expire()
    }
  }
}
