import {
  CodecError,
  channels,
  type CacheClient,
  type Codec,
  type Mutation,
  type MutationOptions,
} from '@cache/core'
import {
  companion,
  createFormat,
  createKeys,
  mapAtOnce,
  openMutation,
  emit,
  writeSource,
  serverTimeScript,
  type ClockReading,
} from '@cache/core/internal'
import { bumpVersionScript, ensureVersionScript } from './scripts.js'
import type { GroupVersions, Groups } from './stamps.js'
import { VersionCache } from './version-cache.js'

/**
 * Reads and changes the versions of groups. Each version is a key of its own, on any node of a
 * Cluster. All caches of a namespace share the versions.
 */
export class Versions {
  /** Returns the key of a group's version. @throws {InvalidKeyError} */
  readonly keyOf: (group: string) => string
  /** Whether this process may know versions without asking Redis. */
  readonly isCaching: boolean
  readonly #client: CacheClient
  readonly #ttl: string
  readonly #cache: VersionCache | undefined

  constructor(
    client: CacheClient,
    { ttl, cacheTtl }: { readonly ttl: number; readonly cacheTtl: number | undefined },
  ) {
    this.keyOf = createKeys(client.namespace, VERSION_PREFIX)
    this.isCaching = cacheTtl !== undefined || client.entries.near !== undefined
    this.#client = client
    this.#ttl = String(ttl)
    this.#cache = cacheTtl === undefined ? undefined : new VersionCache(cacheTtl)
  }

  /** Returns the versions that this process has cached; `undefined` if one is missing. */
  cached(groups: Groups): GroupVersions | undefined {
    if (!this.isCaching) return undefined
    const versions = new Map<string, number>()
    for (const [group, key] of groups) {
      const version = this.#cache?.get(key) ?? this.#client.entries.near?.get(key, format)?.value
      if (version === undefined) return undefined
      versions.set(group, version)
    }
    return versions
  }

  /**
   * Returns the versions of groups, from this process or else from Redis. The commands are queued
   * in this tick. A group that has no version is not in the result.
   */
  async read(groups: Groups, skipCache?: 'skip-cache'): Promise<GroupVersions> {
    const { entries } = this.#client
    const names = [...groups.keys()]
    const keys = [...groups.values()]
    const cached = keys.map((key) => (skipCache ? undefined : this.#cache?.get(key)))
    const cacheVersion = this.#cache?.beginRead()
    const versions = await mapAtOnce(
      [...keys.keys()],
      entries.atOnce,
      async (i) => cached[i] ?? (await entries.read(keys[i]!, format, skipCache && 'near'))?.value,
    )
    const result = new Map<string, number>()
    for (const [i, version] of versions.entries()) {
      if (version === undefined) continue
      result.set(names[i]!, version)
      if (cached[i] === undefined) cacheVersion?.(keys[i]!, version)
    }
    return result
  }

  /**
   * Returns the versions of groups from Redis, for values that are loaded from now on. A group that
   * has no version gets one.
   */
  async ensure(groups: Groups): Promise<GroupVersions> {
    const cacheVersion = this.#cache?.beginRead()
    return new Map(
      await mapAtOnce([...groups], this.#client.entries.atOnce, async ([group, key]) => {
        const version = await this.#client.entries.run(
          ensureVersionScript,
          [key, companion(key, 'intents')],
          [this.#ttl],
        )
        cacheVersion?.(key, version)
        return [group, version] as const
      }),
    )
  }

  /** Gives groups new versions, and returns them. */
  async bump(groups: Groups): Promise<GroupVersions> {
    const versions = await this.#changing(groups, (keys) =>
      this.#client.entries.change(bumpVersionScript, keys, [this.#ttl]),
    )
    emit(channels.invalidate, () => ({ keys: [...groups.values()] }))
    return new Map([...groups.keys()].map((group, i) => [group, versions[i]!]))
  }

  /**
   * Runs `change`, and deletes the versions of the groups after it. Before `change` begins, the ttl
   * of the versions is capped at `intentTtl`.
   */
  mutate<R>(groups: Groups, intentTtl: number, change: () => R | Promise<R>): Promise<R> {
    return this.#changing(groups, (keys) => writeSource(this.#client, { keys, intentTtl, change }))
  }

  /** Begins a mutation like `mutate`, for a change that outlives the call. */
  beginMutation(
    groups: Groups,
    intentTtl: number,
    options: MutationOptions | undefined,
  ): Promise<Mutation> {
    return openMutation(this.#client, {
      keys: [...groups.values()],
      intentTtl,
      options,
      around: (work) => this.#changing(groups, work),
    })
  }

  async #changing<R>(groups: Groups, change: (keys: readonly string[]) => Promise<R>): Promise<R> {
    const keys = [...groups.values()]
    this.#cache?.invalidate(keys)
    try {
      return await change(keys)
    } finally {
      // A read that began during the change may have been answered before it.
      this.#cache?.invalidate(keys)
    }
  }

  /** Reads the clock of the server that owns this key. */
  async clock(key: string): Promise<ClockReading> {
    const asked = performance.now()
    const time = await this.#client.entries.run(serverTimeScript, [key], [])
    return { time, asked, answered: performance.now() }
  }
}

/**
 * The prefix of the keys of versions. No cache may have it, because its entries would be taken for
 * versions.
 */
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
