/**
 * Which workers are alive, by this process' own clock. Each of them gives a new moment with every
 * beat; one whose moment stays the same for too long is dead, whatever the server's clock says of
 * it.
 */
export class Liveness {
  readonly #ttl: number
  readonly #seen = new Map<string, { readonly moment: string; readonly since: number }>()

  /** `ttl` (ms): how long one that has not been heard of counts as alive. */
  constructor(ttl: number) {
    this.#ttl = ttl
  }

  /**
   * What was just heard of all of them. Returns those that are alive, and the dead ones with the
   * moments they left.
   */
  observe(moments: ReadonlyMap<string, string>): {
    readonly alive: string[]
    readonly dead: [token: string, moment: string][]
  } {
    const now = performance.now()
    for (const token of this.#seen.keys()) if (!moments.has(token)) this.#seen.delete(token)
    const alive: string[] = []
    const dead: [string, string][] = []
    for (const [token, moment] of moments) {
      const seen = this.#seen.get(token)
      if (seen?.moment !== moment) this.#seen.set(token, { moment, since: now })
      if (seen?.moment === moment && now - seen.since > this.#ttl) dead.push([token, moment])
      else alive.push(token)
    }
    return { alive, dead }
  }
}
