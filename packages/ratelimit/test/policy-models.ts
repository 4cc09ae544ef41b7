import type { Limit } from '../src/index.js'

/** A limit computed from its definition, with BigInt and without optimisation. Times are in µs. */
export interface Model {
  /** Whether `cost` can be charged at `at`, to be spent up to `spendWithin` later. */
  admits(at: bigint, cost: bigint, spendWithin: bigint): boolean
  /** Charges `cost` at `now`, to be spent at `at` or up to `spendWithin` later. */
  charge(at: bigint, cost: bigint, spendWithin: bigint, id: number, now: bigint): void
  /** Returns the part of `spendWithin` in which a charge at `at` can be spent. */
  clip(at: bigint, spendWithin: bigint): bigint
  refund(at: bigint, id: number): boolean
  /** Sets the limit of the requests that follow. */
  use(limit: Limit): void
}

export function modelOf({ policy, limit, script }: Limit): Model {
  const [, , a, b] = script
  if (policy === 'slidingWindow') return new SlidingWindowLogModel(BigInt(limit), BigInt(a))
  if (policy === 'fixedWindow') return new FixedWindowModel(BigInt(limit), BigInt(a))
  if (policy === 'slidingCounter') return new SlidingWindowCounterModel(BigInt(limit), BigInt(a))
  return new BucketModel(BigInt(limit), BigInt(a), BigInt(b))
}

class SlidingWindowLogModel implements Model {
  entries: { at: bigint; cost: bigint; id: number }[] = []
  constructor(
    public limit: bigint,
    readonly window: bigint,
  ) {}

  use({ limit }: Limit): void {
    this.limit = BigInt(limit)
  }

  admits(at: bigint, cost: bigint): boolean {
    const used = this.entries
      .filter((entry) => entry.at > at - this.window)
      .reduce((sum, entry) => sum + entry.cost, 0n)
    return used + cost <= this.limit
  }

  charge(at: bigint, cost: bigint, spendWithin: bigint, id: number): void {
    this.entries.push({ at: at + spendWithin, cost, id })
  }

  clip(_at: bigint, spendWithin: bigint): bigint {
    return spendWithin
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
 * Consecutive windows, each opened by its first request. A window that was booked and refunded has
 * never existed.
 */
class FixedWindowModel implements Model {
  readonly windows: Window[] = []
  constructor(
    public limit: bigint,
    readonly window: bigint,
  ) {}

  use({ limit }: Limit): void {
    this.limit = BigInt(limit)
  }

  #openWindow(at: bigint): Window | undefined {
    const last = this.windows.at(-1)
    const isOver =
      !last || at >= last.start + this.window || (total(last.costs) === 0n && at >= last.start)
    return isOver ? undefined : last
  }

  admits(at: bigint, cost: bigint): boolean {
    const open = this.#openWindow(at)
    return open ? at >= open.start && total(open.costs) + cost <= this.limit : cost <= this.limit
  }

  charge(at: bigint, cost: bigint, _spendWithin: bigint, id: number): void {
    const open = this.#openWindow(at)
    if (open) open.costs.set(id, cost)
    else this.windows.push({ start: at, costs: new Map([[id, cost]]) })
  }

  clip(at: bigint, spendWithin: bigint): bigint {
    const end = (this.#openWindow(at)?.start ?? at) + this.window - at
    return spendWithin < end ? spendWithin : end
  }

  refund(at: bigint, id: number): boolean {
    const charged = this.windows.find(
      ({ start, costs }) => at < start + this.window && costs.has(id),
    )
    charged?.costs.delete(id)
    dropBooked(this.windows, at)
    return charged !== undefined
  }
}

/**
 * Like `FixedWindowModel`, with the share of the window before that is within one window before
 * now. The share changes with each whole millisecond of the current window.
 */
class SlidingWindowCounterModel implements Model {
  readonly windows: Window[] = []
  constructor(
    public limit: bigint,
    readonly window: bigint,
  ) {}

  use({ limit }: Limit): void {
    this.limit = BigInt(limit)
  }

  #windowAt(at: bigint): Window & { readonly before: ReadonlyMap<number, bigint> } {
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
      this.windows.findLast((window) => window.start + this.window === start)?.costs ??
      new Map<number, bigint>()
    )
  }

  admits(at: bigint, cost: bigint): boolean {
    const { start, costs, before } = this.#windowAt(at)
    if (at < start) return false
    const passed = ((at - start) / 1_000n) * 1_000n
    return (
      (total(costs) + cost) * this.window + total(before) * (this.window - passed) <=
      this.limit * this.window
    )
  }

  charge(at: bigint, cost: bigint, _spendWithin: bigint, id: number): void {
    const { start, costs } = this.#windowAt(at)
    if (this.windows.at(-1)?.costs !== costs) this.windows.push({ start, costs })
    costs.set(id, cost)
  }

  clip(at: bigint, spendWithin: bigint): bigint {
    const end = this.#windowAt(at).start + this.window - at
    return spendWithin < end ? spendWithin : end
  }

  refund(at: bigint, id: number): boolean {
    const charged = this.windows.find(
      ({ start, costs }) => at < start + 2n * this.window && costs.has(id),
    )
    charged?.costs.delete(id)
    dropBooked(this.windows, at)
    return charged !== undefined
  }
}

/** Drops the latest windows that have no charges and have not begun. */
function dropBooked(windows: Window[], now: bigint): void {
  while (windows.length > 0 && total(windows.at(-1)!.costs) === 0n && windows.at(-1)!.start > now)
    windows.pop()
}

/** Units of which `perMicro` make a microsecond. */
interface Time {
  readonly units: bigint
  readonly perMicro: bigint
}

interface Charge {
  readonly id: number
  readonly at: bigint
  readonly cost: bigint
  readonly unitsPerToken: bigint
  readonly unitsPerMicro: bigint
}

/** The theoretical arrival time. In the units of another rate, it is rounded up to a whole µs. */
export class BucketModel implements Model {
  #arrival: Time
  /** The rate of the latest charge. */
  #latestPerMicro: bigint
  /** The arrival time without the latest charges, which are refunded exactly. */
  #base: Time
  latest: Charge[] = []
  /** The latest time for which a charge before `latest` was made. */
  latestOlder = 0n
  /** When the bucket was full the last time before a charge. */
  bornAt = 0n
  /** The µs that refunds have given back. */
  refunded = 0n
  /** False once a charge before `latest` was refunded, which may give back less. */
  exact = true
  /** The number of refunds, each of which can round up by a µs if rates differ. */
  refunds = 0n
  readonly charges = new Map<number, { charge: Charge; mark: bigint; now: bigint }>()
  /** All charges that were not refunded, in order. */
  history: Charge[] = []
  constructor(
    public limit: bigint,
    public unitsPerToken: bigint,
    public unitsPerMicro: bigint,
  ) {
    this.#arrival = this.#base = { units: 0n, perMicro: unitsPerMicro }
    this.#latestPerMicro = unitsPerMicro
  }

  use({ limit, script: [, , a, b] }: Limit): void {
    this.limit = BigInt(limit)
    this.unitsPerToken = BigInt(a)
    this.unitsPerMicro = BigInt(b)
  }

  /** In the units of the current rate. */
  get arrival(): bigint {
    return inRate(this.#arrival, this.unitsPerMicro)
  }

  admits(at: bigint, cost: bigint, spendWithin: bigint): boolean {
    const from = later(this.arrival, (at + spendWithin) * this.unitsPerMicro)
    return (
      from + cost * this.unitsPerToken <= at * this.unitsPerMicro + this.limit * this.unitsPerToken
    )
  }

  charge(at: bigint, cost: bigint, spendWithin: bigint, id: number, now: bigint): void {
    const { unitsPerToken, unitsPerMicro } = this
    if (this.arrival <= now * unitsPerMicro) {
      this.#base = { units: now * unitsPerMicro, perMicro: unitsPerMicro }
      Object.assign(this, { latest: [], latestOlder: now, bornAt: now, refunded: 0n })
    }
    const charge = { id, at: at + spendWithin, cost, unitsPerToken, unitsPerMicro }
    this.#arrival = after(this.#arrival, charge)
    this.#latestPerMicro = unitsPerMicro
    this.latest.push(charge)
    while (this.latest.length > 16 && (this.latest[0]!.at <= now || this.latest.length > 64)) {
      const first = this.latest.shift()!
      this.#base = after(this.#base, first)
      this.latestOlder = later(this.latestOlder, first.at)
    }
    this.charges.set(id, { charge, mark: this.arrival / unitsPerMicro + this.refunded, now })
    this.history.push(charge)
  }

  clip(_at: bigint, spendWithin: bigint): bigint {
    return spendWithin
  }

  refund(now: bigint, id: number): boolean {
    const micros = this.latest.some((charge) => charge.id === id)
      ? this.#refundLatest(now, id)
      : this.#refundOlder(now, id)
    if (micros === undefined) return false
    this.#arrival = {
      units: inRate(this.#arrival, this.#latestPerMicro),
      perMicro: this.#latestPerMicro,
    }
    this.refunded += micros
    this.refunds++
    this.charges.delete(id)
    this.history = this.history.filter((entry) => entry.id !== id)
    return true
  }

  /** Returns the µs that are given back. */
  #refundLatest(now: bigint, id: number): bigint | undefined {
    const index = this.latest.findIndex((charge) => charge.id === id)
    const refunded = this.latest[index]!
    const without = this.latest.map((charge) =>
      charge === refunded ? { ...refunded, at: this.bornAt, cost: 0n } : charge,
    )
    const arrival = (charges: readonly Charge[]): Time => charges.reduce(after, this.#base)
    // Whether the charge still counts, without those that wait for their turns.
    const next = this.latest.findIndex(({ at }, i) => i > index && at > now)
    const beforeNext = next === -1 ? undefined : next
    const [withIt, withoutIt] = [this.latest, without].map((charges) =>
      arrival(charges.slice(0, beforeNext)),
    ) as [Time, Time]
    const counts = (time: Time): bigint =>
      later(inRate(time, withIt.perMicro), now * withIt.perMicro)
    if (refunded.cost === 0n || (refunded.at <= now && counts(withIt) === counts(withoutIt)))
      return undefined
    const before = arrival(this.latest.slice(0, index))
    this.latest = without
    this.#arrival = arrival(without)
    const units = after(before, refunded).units - inRate(before, refunded.unitsPerMicro)
    return ceilDiv(units, refunded.unitsPerMicro)
  }

  /** Returns the µs that are given back. */
  #refundOlder(now: bigint, id: number): bigint | undefined {
    const charged = this.charges.get(id)
    if (!charged || this.bornAt > charged.now) return undefined
    const { cost, unitsPerToken, unitsPerMicro } = charged.charge
    const open = charged.mark - this.refunded - later(now, this.latestOlder)
    if (open <= 0n) return undefined
    const units = smaller(cost * unitsPerToken, open * unitsPerMicro)
    this.exact = false
    const { perMicro } = this.#base
    const unitsBack = perMicro === unitsPerMicro ? units : (units / unitsPerMicro) * perMicro
    this.#base = { units: later(this.#base.units - unitsBack, now * perMicro), perMicro }
    this.#arrival = this.latest.reduce(after, this.#base)
    return ceilDiv(units, unitsPerMicro)
  }

  /**
   * The arrival time if the refunded requests had never been made, in the units of the current
   * rate. No refund may leave the bucket fuller than this.
   */
  get arrivalWithoutRefunded(): bigint {
    const start: Time = { units: 0n, perMicro: this.unitsPerMicro }
    const arrival = this.history.reduce(after, start)
    const latest = { units: inRate(arrival, this.#latestPerMicro), perMicro: this.#latestPerMicro }
    return inRate(latest, this.unitsPerMicro)
  }
}

function inRate({ units, perMicro }: Time, otherPerMicro: bigint): bigint {
  return perMicro === otherPerMicro ? units : ceilDiv(units, perMicro) * otherPerMicro
}

function after(time: Time, { at, cost, unitsPerToken, unitsPerMicro }: Charge): Time {
  if (cost === 0n) return time
  const from = later(inRate(time, unitsPerMicro), at * unitsPerMicro)
  return { units: from + cost * unitsPerToken, perMicro: unitsPerMicro }
}

function ceilDiv(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

function total(costs: ReadonlyMap<number, bigint>): bigint {
  return [...costs.values()].reduce((sum, cost) => sum + cost, 0n)
}

function later(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}
