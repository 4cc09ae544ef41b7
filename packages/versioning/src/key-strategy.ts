import { CacheError, channels } from '@cache/core'
import {
  plainEntryAccess,
  emit,
  type EntryAccess,
  type Entry,
  type Lease,
  type LeaseRequest,
  type StoreOptions,
} from '@cache/core/internal'
import { checkVersions, type EntryStrategy } from './entry-strategy.js'
import { haveSameVersions, type GroupVersions, type Groups } from './stamps.js'
import type { StampDependencies } from './stamp-strategy.js'

/** What the calls of one cache with strategy `'key'` share. */
export type KeyDependencies<T> = Omit<StampDependencies<T>, 'recentGroups' | 'clockSkew'>

/**
 * Strategy `'key'`: the versions are part of the key, as text that other programs can make too. A
 * bump moves the entry to another key. Entries at former keys stay until their ttl, and nobody
 * reads them.
 */
export class KeyStrategy<T> implements EntryStrategy<T> {
  readonly #dependencies: KeyDependencies<T>
  readonly #key: string
  readonly #groups: Groups
  readonly #groupsOf: (value: T | null | undefined) => Groups
  readonly #plain: EntryAccess<T>
  /** The versions in the key that this call reads or loads. */
  #versions: GroupVersions | undefined

  constructor(
    dependencies: KeyDependencies<T>,
    key: string,
    groups: Groups,
    groupsOf: (value: T | null | undefined) => Groups,
  ) {
    this.#dependencies = dependencies
    this.#key = key
    this.#groups = groups
    this.#groupsOf = groupsOf
    this.#plain = plainEntryAccess(dependencies.entries, dependencies.policy)
  }

  near(): Entry<T> | undefined {
    const versions = this.#dependencies.versions.cached(this.#groups)
    return versions && this.#plain.near?.(this.#keyWith(versions))
  }

  async read(
    _: string,
    withLife = this.#dependencies.policy.needsLife,
  ): Promise<Entry<T> | undefined> {
    const { entries, policy, versions } = this.#dependencies
    const current = await versions.read(this.#groups)
    this.#versions =
      current.size === this.#groups.size ? current : await versions.ensure(this.#groups)
    const key = this.#keyWith(this.#versions)
    return withLife ? entries.readWithLife(key, policy.format) : entries.read(key, policy.format)
  }

  async lease(_: string, request: LeaseRequest): Promise<Lease<T>> {
    const { versions } = this.#dependencies
    let expected = this.#versions ?? (await versions.ensure(this.#groups))
    for (;;) {
      const key = this.#keyWith(expected)
      // A caller that joins this load may have begun after a bump that came since. What the lease
      // finds is valid only if the versions are still the expected ones.
      const reading = versions.ensure(this.#groups)
      reading.catch(() => undefined)
      const lease = await this.#plain.lease(key, request)
      const releaseLease = (): void => {
        if (lease.status === 'leased')
          void this.#plain
            .release(key, request.token, 0)
            .catch((error: unknown) => this.#report('release', error))
      }
      const current = await reading.catch((error: unknown) => {
        releaseLease()
        throw error
      })
      if (haveSameVersions(this.#groups, expected, current)) {
        this.#versions = expected
        return lease
      }
      releaseLease()
      expected = current
    }
  }

  async fill(_: string, token: string, value: T, storing: StoreOptions): Promise<boolean> {
    const error = this.#unknownGroupError(value)
    if (error) {
      this.#report('fill', error)
      await this.release(_, token, SKIP_FOR)
      return false
    }
    return this.#isStillValid(
      this.#plain.fill(this.#keyWith(this.#versions!), token, value, storing),
      this.#versions!,
    )
  }

  renew(_: string, token: string, ttl: number, yields?: boolean): Promise<boolean> {
    return this.#plain.renew(this.#keyWith(this.#versions!), token, ttl, yields)
  }

  /** Resolves to `false` also if a group was bumped: the load may have begun before that. */
  release(_: string, token: string, skipFor: number): Promise<boolean> {
    const versions = this.#versions!
    const releasing = this.#plain.release(this.#keyWith(versions), token, skipFor)
    return this.#isStillValid(releasing, versions)
  }

  async currentKey(): Promise<string> {
    return this.#keyWith(await this.#dependencies.versions.ensure(this.#groups))
  }

  async put(
    value: T,
    storing: StoreOptions,
    expected: GroupVersions | undefined,
  ): Promise<boolean> {
    const { entries, policy, versions } = this.#dependencies
    const error = this.#unknownGroupError(value)
    if (error) throw error
    const since = expected
      ? checkVersions(this.#groups, expected)
      : await versions.ensure(this.#groups)
    return this.#isStillValid(
      entries.put(this.#keyWith(since), policy.format, value, storing),
      since,
    )
  }

  /** Returns whether the step succeeded, and no group was bumped since it had these versions. */
  async #isStillValid(step: Promise<boolean>, since: GroupVersions): Promise<boolean> {
    const reading = this.#dependencies.versions
      .read(this.#groups)
      .catch(() => new Map<string, number>())
    return (await step) && haveSameVersions(this.#groups, since, await reading)
  }

  /**
   * Returns an error if the value is in a group that is not in the key: a bump of that group would
   * not move the entry.
   */
  #unknownGroupError(value: T): CacheError | undefined {
    const unknown = [...this.#groupsOf(value).keys()].find((group) => !this.#groups.has(group))
    if (unknown === undefined) return undefined
    return new CacheError(
      `The value of "${this.#key}" is in the group "${unknown}", ` +
        'which "groups" did not name without the value. It is not cached: ' +
        "strategy 'key' needs all groups before the value.",
      { code: 'GROUPS', key: this.#key },
    )
  }

  #keyWith(versions: GroupVersions): string {
    return `${this.#key}:v${[...this.#groups.keys()]
      .sort()
      .map((group) => versions.get(group))
      .join('.')}`
  }

  #report(operation: string, error: unknown): void {
    emit(channels.error, () => ({ operation, key: this.#key, error }))
  }
}

/** Ms for which other callers load for themselves without waiting. */
const SKIP_FOR = 1_000
