/** One value of `setMany`. Keyv 5 passes a `ttl` in ms, and Keyv 6 the time when it expires. */
export interface KeyvStoreEntry {
  /** The key, as the Keyv passes it. */
  readonly key: string
  /** What Keyv has made of the value. */
  readonly value: unknown
  /** The ttl in ms, from Keyv 5. */
  readonly ttl?: number | undefined
  /** The time when the value expires, in ms since 1970, from Keyv 6. */
  readonly expires?: number | undefined
}

/**
 * A storage adapter for one Keyv, made by `createKeyvStore`. The Keyv calls these methods; you need
 * none of them yourself.
 */
export interface KeyvStore {
  /** Tells Keyv 5 that the store has an iterator. */
  readonly opts: Record<string, unknown>
  /** The namespace of the Keyv, which sets it. */
  namespace?: string | undefined
  /**
   * What Keyv 6 asks for, and Keyv 5 does not. Once it was read, the store keeps the contract of
   * Keyv 6: keys without a namespace, times of expiry instead of ttls, one result for each key.
   */
  readonly capabilities: {
    readonly compatible: boolean
    readonly store: 'keyvStorage'
    readonly methods: any
    readonly expires: boolean
  }
  /** Resolves to the stored value, or to `undefined`. */
  get(key: string): Promise<any>
  /** Resolves to the stored values, `undefined` where there is none. */
  getMany(keys: readonly string[]): Promise<any[]>
  /**
   * Stores a value. `life` is a ttl in ms (Keyv 5) or the time when it expires (Keyv 6). Resolves
   * to `false` if other processes kept changing the key at the same time.
   */
  set(key: string, value: unknown, life?: number): Promise<boolean>
  /** Stores many values. */
  setMany(entries: readonly KeyvStoreEntry[]): Promise<boolean[]>
  /** Deletes a value. Resolves to whether there was one. */
  delete(key: string): Promise<boolean>
  /** Deletes values. Resolves to whether all existed (Keyv 5), or each of them (Keyv 6). */
  deleteMany(keys: readonly string[]): Promise<any>
  /** Resolves to whether there is a value. */
  has(key: string): Promise<boolean>
  /** Resolves to whether there is a value, for each key. */
  hasMany(keys: readonly string[]): Promise<boolean[]>
  /**
   * Deletes the values of the namespace, or of the whole prefix if the Keyv has no namespace. After
   * that, no read returns a value that was stored before.
   */
  clear(): Promise<void>
  /** Returns the keys and values of the namespace, 100 at a time. */
  iterator(): AsyncGenerator<[string, any], void>
  /** Adds a listener of `error`: reads that found nothing because Redis did not answer. */
  on(event: string, listener: (...args: any[]) => void): this
  /** Resolves when the writes under way have ended. The client stays open: it is yours. */
  disconnect(): Promise<void>
}
