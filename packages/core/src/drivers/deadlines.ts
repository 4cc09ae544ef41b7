/** Something that expires unless it is done before. */
export interface Deadline {
  /** `undefined` once it is done. */
  expire: (() => void) | undefined
  readonly at: number
}

/**
 * Deadlines without a timer each: those of one length expire in the order they were set, so one timer per length is enough. It is
 * armed when the first is set, and again only when it has fired; a deadline that is done costs nothing more.
 */
export class Deadlines {
  readonly #lengths = new Map<number, Line>()

  set(ms: number, expire: () => void): Deadline {
    let line = this.#lengths.get(ms)
    if (!line) this.#lengths.set(ms, (line = new Line(ms, () => this.#lengths.delete(ms))))
    return line.add(expire)
  }
}

class Line {
  readonly #ms: number
  readonly #onEmpty: () => void
  #waiting: Deadline[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(ms: number, onEmpty: () => void) {
    this.#ms = ms
    this.#onEmpty = onEmpty
  }

  add(expire: () => void): Deadline {
    const deadline: Deadline = { expire, at: performance.now() + this.#ms }
    this.#waiting.push(deadline)
    if (this.#timer === undefined) this.#arm(this.#ms)
    return deadline
  }

  #arm(ms: number): void {
    // Node's longest timer; who waits longer is looked at again.
    this.#timer = setTimeout(() => this.#check(), Math.min(ms, 2 ** 31 - 1))
    this.#timer.unref()
  }

  #check(): void {
    this.#timer = undefined
    const now = performance.now()
    const waiting = this.#waiting
    let i = 0
    const late: (() => void)[] = []
    for (; i < waiting.length; i++) {
      const { expire, at } = waiting[i]!
      if (expire === undefined) continue
      if (at > now) break
      late.push(expire)
    }
    this.#waiting = waiting.slice(i)
    if (this.#waiting.length > 0) this.#arm(Math.max(1, Math.ceil(this.#waiting[0]!.at - now)))
    else this.#onEmpty()
    for (const expire of late) expire()
  }
}
