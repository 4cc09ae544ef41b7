/**
 * Decides which workers are alive, by the clock of this process. A worker changes its time in Redis
 * with every heartbeat. If the time of a worker stays the same for too long, the worker is dead,
 * even if the clock of the server was set back.
 */
export class Liveness {
  readonly #ttl: number
  readonly #lastSeen = new Map<string, { readonly time: string; readonly since: number }>()

  /** `ttl` is the number of milliseconds for which a silent worker counts as alive. */
  constructor(ttl: number) {
    this.#ttl = ttl
  }

  /**
   * Takes the times of all workers, by their tokens, as they are in Redis now. Returns the workers
   * that are alive, and the dead ones with their times.
   */
  observe(times: ReadonlyMap<string, string>): {
    readonly alive: string[]
    readonly dead: [token: string, time: string][]
  } {
    const now = performance.now()
    for (const token of this.#lastSeen.keys()) if (!times.has(token)) this.#lastSeen.delete(token)
    const alive: string[] = []
    const dead: [string, string][] = []
    for (const [token, time] of times) {
      const last = this.#lastSeen.get(token)
      if (last?.time !== time) this.#lastSeen.set(token, { time, since: now })
      if (last?.time === time && now - last.since > this.#ttl) dead.push([token, time])
      else alive.push(token)
    }
    return { alive, dead }
  }
}
