import { RecentMap } from '../../util/recent-map.js'
import type { CacheError } from '../../errors.js'
import type { FailureKind } from './failure-kind.js'

/** What is known of one node. */
export interface NodeState {
  readonly reachable: boolean
  /** When it became reachable or unreachable. */
  readonly since: Date
  /** The last error, while it is unreachable. */
  readonly error?: CacheError
}

interface Outage {
  readonly since: Date
  readonly startedAt: number
  /** The number of failed commands of each kind. */
  readonly counts: Map<string, number>
  error: CacheError
  failedAt: number
  /** Set while the node answers again, but has failed too often to say so at once. */
  recovering: { readonly since: Date; readonly timer: NodeJS.Timeout } | undefined
}

export interface OutageEvents {
  /** A node failed in a way in which it has not failed before in this outage. */
  failed(node: string, kind: FailureKind): void
  /** A node answers again; or others answer, and it is not used any more (`answers: false`). */
  ended(node: string, outage: EndedOutage): void
}

export interface EndedOutage {
  readonly answers: boolean
  readonly ms: number
  /** The number of failed commands of each kind. */
  readonly counts: ReadonlyMap<string, number>
}

export interface OutageTimes {
  /** Ms for which a node must answer to count as recovered, if it comes and goes. */
  readonly settle: number
  /** Ms after an outage in which another one of the same node is taken for the same. */
  readonly flapping: number
  /** Ms after the last failure of a node after which it is not used any more, if others answer. */
  readonly unused: number
}

/**
 * Which nodes do not answer, and since when. An outage begins with a command that got no reply, and
 * ends with the next reply. If an outage of the node ended less than `flapping` ms ago, the next
 * one ends only when the node has answered for `settle` ms, so that a node that comes and goes
 * counts as one outage.
 */
export class Outages {
  readonly #events: OutageEvents
  readonly #times: OutageTimes
  readonly #createdAt = new Date()
  readonly #current = new Map<string, Outage>()
  /** When the last outage of each node ended. */
  /** The last ends. Nodes of a Cluster come and go. */
  readonly #ended = new RecentMap<{ readonly at: Date; readonly time: number }>({ max: 1_000 })

  constructor(events: OutageEvents, times: OutageTimes) {
    this.#events = events
    this.#times = times
  }

  /** Whether there is an outage of any node. */
  get any(): boolean {
    return this.#current.size > 0
  }

  failed(node: string, kind: FailureKind, error: CacheError): void {
    let outage = this.#current.get(node)
    if (!outage) {
      outage = {
        since: new Date(),
        startedAt: performance.now(),
        failedAt: performance.now(),
        counts: new Map(),
        error,
        recovering: undefined,
      }
      this.#current.set(node, outage)
    }
    clearTimeout(outage.recovering?.timer)
    outage.recovering = undefined
    outage.failedAt = performance.now()
    // A refusal of the breaker says less than the error that opened it.
    if (error.code !== 'CIRCUIT_OPEN' || error.cause !== undefined) outage.error = error
    const count = outage.counts.get(kind.label)
    if (count === undefined && outage.counts.size >= MAX_LABELS) return
    outage.counts.set(kind.label, (count ?? 0) + 1)
    if (count === undefined) this.#events.failed(node, kind)
  }

  answered(node: string): void {
    const end: End = { time: performance.now(), at: new Date(), answers: true }
    for (const [other, outage] of this.#current) {
      // A command without a key goes to any node. A node that has been replaced never answers.
      if (other === node || other === '') this.#recovered(other, outage, end)
      else if (end.time - outage.failedAt > this.#times.unused)
        this.#end(other, outage, { ...end, answers: false })
    }
  }

  stateOf(node: string): NodeState {
    const outage = this.#current.get(node)
    if (outage && !outage.recovering)
      return { reachable: false, since: outage.since, error: outage.error }
    const since = outage?.recovering?.since ?? this.#ended.get(node)?.at ?? this.#createdAt
    return { reachable: true, since }
  }

  overall(): NodeState {
    for (const node of this.#current.keys()) {
      const state = this.stateOf(node)
      if (!state.reachable) return state // the map is in the order in which outages began
    }
    return { reachable: true, since: this.#createdAt }
  }

  close(): void {
    for (const { recovering } of this.#current.values()) clearTimeout(recovering?.timer)
    this.#current.clear()
  }

  #recovered(node: string, outage: Outage, end: End): void {
    if (outage.recovering) return
    const { settle, flapping } = this.#times
    const last = this.#ended.get(node)
    if (!last || end.time - last.time > flapping) return this.#end(node, outage, end)
    const timer = setTimeout(() => this.#end(node, outage, end), settle).unref()
    outage.recovering = { since: end.at, timer }
  }

  #end(node: string, outage: Outage, { time, at, answers }: End): void {
    clearTimeout(outage.recovering?.timer)
    this.#current.delete(node)
    this.#ended.set(node, { at, time })
    this.#events.ended(node, { answers, ms: time - outage.startedAt, counts: outage.counts })
  }
}

interface End {
  readonly at: Date
  /** By `performance.now()`. */
  readonly time: number
  readonly answers: boolean
}

const MAX_LABELS = 16
