import type { Limit } from '../src/index.js'

/** A limit as its definition has it, in BigInt and without cleverness: what may be charged, and what becomes of it. */
export interface Model {
  /** Whether `cost` may be charged at µs `at`, to be spent up to `hold` later. */
  admits(at: bigint, cost: bigint, hold: bigint): boolean
  charge(at: bigint, cost: bigint, hold: bigint, id: number): void
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
  constructor(readonly limit: bigint, readonly window: bigint) {}

  admits(at: bigint, cost: bigint): boolean {
    const used = this.entries.filter((entry) => entry.at > at - this.window).reduce((sum, entry) => sum + entry.cost, 0n)
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

/** Windows one after the other, each opened by its first request. */
class Fixed implements Model {
  windows: { start: bigint; costs: Map<number, bigint> }[] = []
  readonly refunded = new Set<number>()
  constructor(readonly limit: bigint, readonly window: bigint) {}

  admits(at: bigint, cost: bigint): boolean {
    const last = this.windows.at(-1)
    if (!last || at >= last.start + this.window) return cost <= this.limit
    return at >= last.start && total(last.costs) + cost <= this.limit
  }

  charge(at: bigint, cost: bigint, _hold: bigint, id: number): void {
    const last = this.windows.at(-1)
    if (last && at < last.start + this.window) last.costs.set(id, cost)
    else this.windows.push({ start: at, costs: new Map([[id, cost]]) })
  }

  clip(at: bigint, hold: bigint): bigint {
    const last = this.windows.at(-1)
    const end = (last && at < last.start + this.window ? last.start : at) + this.window - at
    return hold < end ? hold : end
  }

  refund(at: bigint, id: number): boolean {
    const last = this.windows.at(-1)
    return last !== undefined && at < last.start + this.window && last.costs.delete(id)
  }
}

/** As Fixed, with the share of the window before that is still within a window of now, in whole ms of this one. */
class Counter implements Model {
  start: bigint | undefined
  costs = new Map<number, bigint>()
  before = new Map<number, bigint>()
  constructor(readonly limit: bigint, readonly window: bigint) {}

  #at(at: bigint): { start: bigint; costs: Map<number, bigint>; before: Map<number, bigint> } {
    if (this.start === undefined || at >= this.start + 2n * this.window) return { start: at, costs: new Map(), before: new Map() }
    const [costs, before] = at >= this.start + this.window ? [new Map<number, bigint>(), this.costs] : [this.costs, this.before]
    const start = costs === this.costs ? this.start : this.start + this.window
    return at >= start && total(costs) + total(before) === 0n ? { start: at, costs: new Map(), before: new Map() } : { start, costs, before }
  }

  admits(at: bigint, cost: bigint): boolean {
    const { start, costs, before } = this.#at(at)
    if (at < start) return false
    const passed = ((at - start) / 1_000n) * 1_000n
    return (total(costs) + cost) * this.window + total(before) * (this.window - passed) <= this.limit * this.window
  }

  charge(at: bigint, cost: bigint, _hold: bigint, id: number): void {
    Object.assign(this, this.#at(at))
    this.costs.set(id, cost)
  }

  clip(at: bigint, hold: bigint): bigint {
    const end = this.#at(at).start + this.window - at
    return hold < end ? hold : end
  }

  refund(at: bigint, id: number): boolean {
    if (this.start === undefined) return false
    const mine = this.costs.has(id) ? this.start : this.start - this.window
    const counts = at < mine + 2n * this.window && (this.costs.delete(id) || this.before.delete(id))
    return counts
  }
}

/** The theoretical arrival time, in units of which `back` make a µs. */
export class Bucket implements Model {
  arrival = 0n
  latest = 0n
  /** µs that refunds gave back. */
  given = 0n
  readonly charges = new Map<number, { cost: bigint; mark: bigint }>()
  /** All that was charged and not given back, in order: what the arrival would be without the rest. */
  history: { at: bigint; cost: bigint; id: number }[] = []
  constructor(readonly limit: bigint, readonly token: bigint, readonly back: bigint) {}

  admits(at: bigint, cost: bigint, hold: bigint): boolean {
    const from = later(this.arrival, (at + hold) * this.back)
    return from + cost * this.token <= at * this.back + this.limit * this.token
  }

  charge(at: bigint, cost: bigint, hold: bigint, id: number): void {
    this.arrival = later(this.arrival, (at + hold) * this.back) + cost * this.token
    this.latest = later(this.latest, at + hold)
    this.charges.set(id, { cost, mark: this.arrival / this.back + this.given })
    this.history.push({ at: at + hold, cost, id })
  }

  clip(_at: bigint, hold: bigint): bigint {
    return hold
  }

  refund(at: bigint, id: number): boolean {
    const charge = this.charges.get(id)
    const open = charge ? (charge.mark - this.given - later(at, this.latest)) * this.back : 0n
    if (!charge || open <= 0n) return false
    const given = charge.cost * this.token < open ? charge.cost * this.token : open
    this.arrival = later(this.arrival - given, at * this.back)
    this.given += (given + this.back - 1n) / this.back
    this.charges.delete(id)
    this.history = this.history.filter((entry) => entry.id !== id)
    return true
  }

  /** The arrival time if what was given back had never been: no refund may leave the bucket fuller than this. */
  get never(): bigint {
    return this.history.reduce((arrival, { at, cost }) => later(arrival, at * this.back) + cost * this.token, 0n)
  }
}

function total(costs: ReadonlyMap<number, bigint>): bigint {
  return [...costs.values()].reduce((sum, cost) => sum + cost, 0n)
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
