/**
 * A model of the database. Each id has a version that only increases. The model remembers when each
 * version was acknowledged.
 */
export class SourceModel {
  readonly #versions = new Map<number, number>()
  readonly #acknowledged = new Map<number, { readonly version: number; readonly at: number }[]>()

  read(id: number): number {
    return this.#versions.get(id) ?? 0
  }

  /** Increases the version of a row and returns it. */
  change(id: number): number {
    const version = this.read(id) + 1
    this.#versions.set(id, version)
    return version
  }

  /** Records that reads from now on must not return an older version. */
  acknowledge(id: number, version: number): void {
    const known = this.#acknowledged.get(id) ?? []
    if (version > (known.at(-1)?.version ?? 0)) known.push({ version, at: performance.now() })
    this.#acknowledged.set(id, known)
  }

  /** Returns the lowest version that a read may return if the change is allowed `grace` ms. */
  minVersion(id: number, grace = 0): number {
    const before = performance.now() - grace
    return this.#acknowledged.get(id)?.findLast(({ at }) => at <= before)?.version ?? 0
  }
}
