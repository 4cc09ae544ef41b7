import { CodecError, channels, type CacheClient, type Codec, type Mutation } from '@cache/core'
import {
  companion,
  createFormat,
  createKeys,
  mapAtOnce,
  openMutation,
  emit,
  writeSource,
} from '@cache/core/internal'
import { KeptVersions } from './kept-versions.js'
import { bumpScript, stampScript, timeScript } from './scripts.js'
import type { GroupVersions, Groups } from './stamps.js'

/**
 * The versions of groups: each is a key of its own, anywhere on a Cluster, and shared by all caches
 * of a namespace.
 */
export class Versions {
  /** The key of a group's version. @throws {InvalidKeyError} */
  readonly keyOf: (group: string) => string
  /** Whether the process may answer without asking. */
  readonly keeps: boolean
  readonly #client: CacheClient
  readonly #ttl: string
  readonly #kept: KeptVersions | undefined

  constructor(
    client: CacheClient,
    { ttl, keepFor }: { readonly ttl: number; readonly keepFor: number | undefined },
  ) {
    this.keyOf = createKeys(client.namespace, VERSION_PREFIX)
    this.keeps = keepFor !== undefined || client.entries.near !== undefined
    this.#client = client
    this.#ttl = String(ttl)
    this.#kept = keepFor === undefined ? undefined : new KeptVersions(keepFor)
  }

  /** As far as the process knows; `undefined`: it would have to ask. */
  kept(groups: Groups): GroupVersions | undefined {
    if (!this.keeps) return undefined
    const versions = new Map<string, number>()
    for (const [group, key] of groups) {
      const version = this.#kept?.get(key) ?? this.#client.entries.near?.get(key, format)?.value
      if (version === undefined) return undefined
      versions.set(group, version)
    }
    return versions
  }

  /**
   * Asked for in this tick, unless the process keeps them; a group that has no version is not in
   * the answer.
   */
  async read(groups: Groups, past?: 'kept'): Promise<GroupVersions> {
    const names = [...groups.keys()]
    const keys = [...groups.values()]
    const kept = keys.map((key) => (past === 'kept' ? undefined : this.#kept?.get(key)))
    const keep = this.#kept?.ask()
    const found = await mapAtOnce(
      [...keys.keys()],
      this.#client.entries.atOnce,
      async (i) =>
        kept[i] ?? (await this.#client.entries.read(keys[i]!, format, past && 'near'))?.value,
    )
    const versions = new Map<string, number>()
    for (const [i, version] of found.entries()) {
      if (version === undefined) continue
      versions.set(names[i]!, version)
      if (kept[i] === undefined) keep?.(keys[i]!, version)
    }
    return versions
  }

  /** As they are in Redis, for what is loaded from now on; who has none gets one. */
  async stamp(groups: Groups): Promise<GroupVersions> {
    const keep = this.#kept?.ask()
    return new Map(
      await mapAtOnce([...groups], this.#client.entries.atOnce, async ([group, key]) => {
        const version = await this.#client.entries.run(
          stampScript,
          [key, companion(key, 'intents')],
          [this.#ttl],
        )
        keep?.(key, version)
        return [group, version] as const
      }),
    )
  }

  async bump(groups: Groups): Promise<GroupVersions> {
    const versions = await this.#changing(groups, (keys) =>
      this.#client.entries.change(bumpScript, keys, [this.#ttl]),
    )
    emit(channels.invalidate, () => ({ keys: [...groups.values()] }))
    return new Map([...groups.keys()].map((group, i) => [group, versions[i]!]))
  }

  /**
   * From before the change on, no version lives longer than `intentTtl`; after it, they are gone.
   */
  mutate<R>(groups: Groups, intentTtl: number, change: () => R | Promise<R>): Promise<R> {
    return this.#changing(groups, (keys) => writeSource(this.#client, { keys, intentTtl, change }))
  }

  /** As `mutate`, of a change that outlives the call. */
  beginMutation(groups: Groups, intentTtl: number): Promise<Mutation> {
    return openMutation(this.#client, {
      keys: [...groups.values()],
      intentTtl,
      around: (work) => this.#changing(groups, work),
    })
  }

  async #changing<R>(groups: Groups, change: (keys: readonly string[]) => Promise<R>): Promise<R> {
    const keys = [...groups.values()]
    this.#kept?.forget(keys)
    try {
      return await change(keys)
    } finally {
      this.#kept?.forget(keys) // what was asked meanwhile may have been answered before
    }
  }

  /** Reads the clock of the server that has this key. */
  async clock(key: string): Promise<ClockReading> {
    const asked = performance.now()
    const time = await this.#client.entries.run(timeScript, [key], [])
    return { time, asked, answered: performance.now() }
  }
}

/**
 * What a server's clock said, and when it was asked and answered by this process' own, which nobody
 * sets.
 */
export interface ClockReading {
  /** µs. */
  readonly time: number
  /** Ms. */
  readonly asked: number
  /** Ms. */
  readonly answered: number
}

/** No cache may be named so: its entries would be taken for versions. */
export const VERSION_PREFIX = 'version-of'

const codec: Codec<number> = {
  name: 'version',
  encode: String,
  decode(payload) {
    const text = payload.toString('latin1')
    const version = Number(text)
    if (version >= 0 && Number.isSafeInteger(version) && String(version) === text) return version
    throw new CodecError('A version is a whole number.')
  },
}
const format = createFormat<number>({ codec })
