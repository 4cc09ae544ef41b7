export interface Profile {
  readonly name: string
  readonly city: string
}

/** The table that the workers write to. */
export interface Table {
  find(id: string): Promise<Profile | undefined>
  /** `sequence` is the position of the write, where there is one: an older one changes nothing. */
  upsert(id: string, profile: Profile, sequence?: number): Promise<void>
}

export interface Profiles {
  put(id: string, profile: Profile): Promise<void>
  get(id: string): Promise<Profile | undefined>
  /** Resolves once the table has all writes. */
  drained(): Promise<void>
  close(): Promise<void>
}

/** A table in memory that counts writes, and can refuse some. */
export class MemoryTable implements Table {
  readonly #rows = new Map<string, { profile: Profile; sequence: number }>()
  writes = 0
  #refuses: (profile: Profile) => boolean = () => false

  /** From now on, writes of these profiles fail. */
  refuse(refuses: (profile: Profile) => boolean): void {
    this.#refuses = refuses
  }

  async find(id: string): Promise<Profile | undefined> {
    return this.#rows.get(id)?.profile
  }

  async upsert(id: string, profile: Profile, sequence = 0): Promise<void> {
    if (this.#refuses(profile)) throw new Error('The database does not answer.')
    this.writes++
    if (sequence >= (this.#rows.get(id)?.sequence ?? 0)) this.#rows.set(id, { profile, sequence })
  }
}
