import type { Limit } from '../src/index.js'

/**
 * A limit as its definition has it, in BigInt and without cleverness: what may be charged, and what
 * becomes of it.
 */
export interface Model {
  /** Whether `cost` may be charged at µs `at`, to be spent up to `hold` later. */
  admits(at: bigint, cost: bigint, hold: bigint): boolean
  /** At `now`, to be spent at `at` or up to `hold` later. */
  charge(at: bigint, cost: bigint, hold: bigint, id: number, now: bigint): void
  /** How long what is charged at `at` may be spent, of `hold`. */
  clip(at: bigint, hold: bigint): bigint
  refund(at: bigint, id: number): boolean
}

export function modelOf({ policy, limit, script }: Limit): Model {
  const [, , a, b] = script
  if (policy === 'slidingWindow') return new Log(BigInt(limit), BigInt(a))
  if (policy === 'fixedWindow') return new Fixed(BigInt(limit), BigInt(a))
  if (policy === 'slidingCounter') return new Counter(BigInt(limit), BigInt(a))
  return new Bucket(BigInt(limit), BigInt(a), BigInt(b))
}

class Log implements Model {
  entries: { at: bigint; cost: bigint; id: number }[] = []
  constructor(
    readonly limit: bigint,
    readonly window: bigint,
  ) {}

  admits(at: bigint, cost: bigint): boolean {
    const used = this.entries
      .filter((entry) => entry.at > at - this.window)
      .reduce((sum, entry) => sum + entry.cost, 0n)
    return used + cost <= this.limit
  }

  charge(at: bigint, cost: bigint, hold: bigint, id: number): void {
    this.entries.push({ at: at + hold, cost, id })
  }

  clip(_at: bigint, hold: bigint): bigint {
    return hold
  }

  refund(at: bigint, id: number): boolean {
    const counts = this.entries.some((entry) => entry.id === id && entry.at > at - this.window)
    this.entries = this.entries.filter((entry) => entry.id !== id)
    return counts
  }
}

interface Window {
  readonly start: bigint
  readonly costs: Map<number, bigint>
}

/**
 * Windows one after the other, each opened by its first request; one that is booked and refunded
 * again has never been.
 */
class Fixed implements Model {
  readonly windows: Window[] = []
  constructor(
    readonly limit: bigint,
    readonly window: bigint,
  ) {}

  #last(at: bigint): Window | undefined {
    const last = this.windows.at(-1)
    const over =
      !last || at >= last.start + this.window || (total(last.costs) === 0n && at >= last.start)
    return over ? undefined : last
  }

  admits(at: bigint, cost: bigint): boolean {
    const last = this.#last(at)
    return last ? at >= last.start && total(last.costs) + cost <= this.limit : cost <= this.limit
  }

  charge(at: bigint, cost: bigint, _hold: bigint, id: number): void {
    const last = this.#last(at)
    if (last) last.costs.set(id, cost)
    else this.windows.push({ start: at, costs: new Map([[id, cost]]) })
  }

  clip(at: bigint, hold: bigint): bigint {
    const end = (this.#last(at)?.start ?? at) + this.window - at
    return hold < end ? hold : end
  }

  refund(at: bigint, id: number): boolean {
    const mine = this.windows.find(({ start, costs }) => at < start + this.window && costs.has(id))
    mine?.costs.delete(id)
    dropBooked(this.windows, at)
    return mine !== undefined
  }
}

/**
 * As Fixed, with the share of the window before that is still within a window of now, in whole ms
 * of this one.
 */
class Counter implements Model {
  readonly windows: Window[] = []
  constructor(
    readonly limit: bigint,
    readonly window: bigint,
  ) {}

  #at(at: bigint): Window & { readonly before: ReadonlyMap<number, bigint> } {
    const fresh = { start: at, costs: new Map<number, bigint>(), before: new Map<number, bigint>() }
    const last = this.windows.at(-1)
    if (!last || at >= last.start + 2n * this.window) return fresh
    const [costs, before] =
      at >= last.start + this.window ? [fresh.costs, last.costs] : [last.costs, this.#before(last)]
    if (at >= last.start && total(costs) + total(before) === 0n) return fresh
    return { start: costs === last.costs ? last.start : last.start + this.window, costs, before }
  }

  #before({ start }: Window): ReadonlyMap<number, bigint> {
    return (
      this.windows.findLast((one) => one.start + this.window === start)?.costs ??
      new Map<number, bigint>()
    )
  }

  admits(at: bigint, cost: bigint): boolean {
    const { start, costs, before } = this.#at(at)
    if (at < start) return false
    const passed = ((at - start) / 1_000n) * 1_000n
    return (
      (total(costs) + cost) * this.window + total(before) * (this.window - passed) <=
      this.limit * this.window
    )
  }

  charge(at: bigint, cost: bigint, _hold: bigint, id: number): void {
    const { start, costs } = this.#at(at)
    if (this.windows.at(-1)?.costs !== costs) this.windows.push({ start, costs })
    costs.set(id, cost)
  }

  clip(at: bigint, hold: bigint): bigint {
    const end = this.#at(at).start + this.window - at
    return hold < end ? hold : end
  }

  refund(at: bigint, id: number): boolean {
    const mine = this.windows.find(
      ({ start, costs }) => at < start + 2n * this.window && costs.has(id),
    )
    mine?.costs.delete(id)
    dropBooked(this.windows, at)
    return mine !== undefined
  }
}

function dropBooked(windows: Window[], now: bigint): void {
  while (windows.length > 0 && total(windows.at(-1)!.costs) === 0n && windows.at(-1)!.start > now)
    windows.pop()
}

interface Charge {
  readonly id: number
  readonly at: bigint
  cost: bigint
}

/** The theoretical arrival time, in units of which `back` make a µs. */
export class Bucket implements Model {
  arrival = 0n
  /** What the latest charges, which are refunded as if they had never been, were added to. */
  base = 0n
  latest: Charge[] = []
  /** The latest µs for which another was charged, and since when they are counted. */
  older = 0n
  born = 0n
  /** µs that refunds gave back. */
  given = 0n
  /** Whether none of the older ones was refunded, which may get less. */
  exact = true
  readonly charges = new Map<number, { cost: bigint; mark: bigint; now: bigint }>()
  /**
   * All that was charged and not given back, in order: what the arrival would be without the rest.
   */
  history: { at: bigint; cost: bigint; id: number }[] = []
  constructor(
    readonly limit: bigint,
    readonly token: bigint,
    readonly back: bigint,
  ) {}

  admits(at: bigint, cost: bigint, hold: bigint): boolean {
    const from = later(this.arrival, (at + hold) * this.back)
    return from + cost * this.token <= at * this.back + this.limit * this.token
  }

  charge(at: bigint, cost: bigint, hold: bigint, id: number, now: bigint): void {
    if (this.arrival <= now * this.back)
      Object.assign(this, { base: now * this.back, latest: [], older: now, born: now, given: 0n })
    this.arrival = this.#after(this.arrival, { id, at: at + hold, cost })
    this.latest.push({ id, at: at + hold, cost })
    while (this.latest.length > 16 && (this.latest[0]!.at <= now || this.latest.length > 64)) {
      const first = this.latest.shift()!
      this.base = this.#after(this.base, first)
      this.older = later(this.older, first.at)
    }
    this.charges.set(id, { cost, mark: this.arrival / this.back + this.given, now })
    this.history.push({ at: at + hold, cost, id })
  }

  #after(arrival: bigint, { at, cost }: Charge): bigint {
    return later(arrival, at * this.back) + cost * this.token
  }

  clip(_at: bigint, hold: bigint): bigint {
    return hold
  }

  refund(now: bigint, id: number): boolean {
    const given = this.latest.some((one) => one.id === id)
      ? this.#refundLatest(now, id)
      : this.#refundOlder(now, id)
    if (given === undefined) return false
    this.given += (given + this.back - 1n) / this.back
    this.charges.delete(id)
    this.history = this.history.filter((entry) => entry.id !== id)
    return true
  }

  #refundLatest(now: bigint, id: number): bigint | undefined {
    const place = this.latest.findIndex((one) => one.id === id)
    const mine = this.latest[place]!
    const without = this.latest.map((one) => (one === mine ? { id, at: this.born, cost: 0n } : one))
    const arrival = (charges: readonly Charge[]): bigint =>
      charges.reduce((sum, one) => this.#after(sum, one), this.base)
    // Whether it counts yet, before those that wait for their turns.
    const next = this.latest.findIndex(({ at }, i) => i > place && at > now)
    const arrivalBefore = (charges: readonly Charge[]): bigint =>
      later(arrival(charges.slice(0, next === -1 ? undefined : next)), now * this.back)
    if (
      mine.cost === 0n ||
      (mine.at <= now && arrivalBefore(this.latest) === arrivalBefore(without))
    )
      return undefined
    const before = arrival(this.latest.slice(0, place))
    this.latest = without
    this.arrival = arrival(without)
    return this.#after(before, mine) - before
  }

  #refundOlder(now: bigint, id: number): bigint | undefined {
    const charge = this.charges.get(id)
    const open =
      charge && this.born <= charge.now
        ? (charge.mark - this.given - later(now, this.older)) * this.back
        : 0n
    if (!charge || open <= 0n) return undefined
    const given = charge.cost * this.token < open ? charge.cost * this.token : open
    this.exact = false
    this.base = later(this.base - given, now * this.back)
    this.arrival = this.latest.reduce((arrival, one) => this.#after(arrival, one), this.base)
    return given
  }

  /**
   * The arrival time if what was given back had never been: no refund may leave the bucket fuller
   * than this.
   */
  get never(): bigint {
    return this.history.reduce(
      (arrival, { at, cost }) => later(arrival, at * this.back) + cost * this.token,
      0n,
    )
  }
}

function total(costs: ReadonlyMap<number, bigint>): bigint {
  return [...costs.values()].reduce((sum, cost) => sum + cost, 0n)
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
