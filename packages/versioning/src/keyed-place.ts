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
import { checkVersions, type Place } from './place.js'
import { agree, type GroupVersions, type Groups } from './stamps.js'
import type { Shared } from './stamped-place.js'

/**
 * Strategy `'key'`: the versions are part of the key, as text that others can make too. What they
 * have been is left to its ttl, where nobody looks any more.
 */
export class KeyedPlace<T> implements Place<T> {
  readonly #shared: Omit<Shared<T>, 'hints' | 'clockSkew'>
  readonly #key: string
  readonly #groups: Groups
  readonly #groupsOf: (value: T | null | undefined) => Groups
  readonly #plain: EntryAccess<T>
  #at: GroupVersions | undefined

  constructor(
    shared: Omit<Shared<T>, 'hints' | 'clockSkew'>,
    key: string,
    groups: Groups,
    groupsOf: (value: T | null | undefined) => Groups,
  ) {
    this.#shared = shared
    this.#key = key
    this.#groups = groups
    this.#groupsOf = groupsOf
    this.#plain = plainEntryAccess(shared.entries, shared.policy)
  }

  near(): Entry<T> | undefined {
    const versions = this.#shared.versions.kept(this.#groups)
    return versions && this.#plain.near?.(this.#keyAt(versions))
  }

  async read(): Promise<Entry<T> | undefined> {
    const { entries, policy, versions } = this.#shared
    const read = await versions.read(this.#groups)
    this.#at = read.size === this.#groups.size ? read : await versions.stamp(this.#groups)
    const key = this.#keyAt(this.#at)
    return policy.needsLife
      ? entries.readWithLife(key, policy.format)
      : entries.read(key, policy.format)
  }

  async lease(_: string, request: LeaseRequest): Promise<Lease<T>> {
    const { versions } = this.#shared
    let at = this.#at ?? (await versions.stamp(this.#groups))
    for (;;) {
      const key = this.#keyAt(at)
      // Who joins may have begun after a bump that came since: what is found is right if these are
      // the versions still.
      const asking = versions.stamp(this.#groups)
      asking.catch(() => undefined)
      const lease = await this.#plain.lease(key, request)
      const give = (): void => {
        if (lease.status === 'leased')
          void this.#plain
            .release(key, request.token, 0)
            .catch((error: unknown) => this.#report('release', error))
      }
      const now = await asking.catch((error: unknown) => {
        give()
        throw error
      })
      if (agree(this.#groups, at, now)) {
        this.#at = at
        return lease
      }
      give()
      at = now
    }
  }

  async fill(_: string, token: string, value: T, storing: StoreOptions): Promise<boolean> {
    const error = this.#refusal(value)
    if (error) {
      this.#report('fill', error)
      await this.release(_, token, SKIP_FOR)
      return false
    }
    return this.#stillRight(
      this.#plain.fill(this.#keyAt(this.#at!), token, value, storing),
      this.#at!,
    )
  }

  renew(_: string, token: string, ttl: number, yields?: boolean): Promise<boolean> {
    return this.#plain.renew(this.#keyAt(this.#at!), token, ttl, yields)
  }

  release(_: string, token: string, skipFor: number): Promise<boolean> {
    return this.#plain.release(this.#keyAt(this.#at!), token, skipFor)
  }

  async current(): Promise<string> {
    return this.#keyAt(await this.#shared.versions.stamp(this.#groups))
  }

  async put(value: T, storing: StoreOptions, given: GroupVersions | undefined): Promise<boolean> {
    const { entries, policy, versions } = this.#shared
    const error = this.#refusal(value)
    if (error) throw error
    const since = given ? checkVersions(this.#groups, given) : await versions.stamp(this.#groups)
    return this.#stillRight(entries.put(this.#keyAt(since), policy.format, value, storing), since)
  }

  async #stillRight(storing: Promise<boolean>, since: GroupVersions): Promise<boolean> {
    const asking = this.#shared.versions.read(this.#groups).catch(() => new Map<string, number>())
    return (await storing) && agree(this.#groups, since, await asking)
  }

  /** A bump of a group that is not in the key would not move the entry. */
  #refusal(value: T): CacheError | undefined {
    const other = [...this.#groupsOf(value).keys()].find((group) => !this.#groups.has(group))
    if (other === undefined) return undefined
    return new CacheError(
      `The value of "${this.#key}" is in the group "${other}", which "groups" did not name without the value. It is not cached: with strategy 'key' all groups must be known before.`,
      { code: 'GROUPS', key: this.#key },
    )
  }

  #keyAt(versions: GroupVersions): string {
    return `${this.#key}:v${[...this.#groups.keys()]
      .sort()
      .map((group) => versions.get(group))
      .join('.')}`
  }

  #report(operation: string, error: unknown): void {
    emit(channels.error, () => ({ operation, key: this.#key, error }))
  }
}

/** Ms for which others load for themselves without waiting. */
const SKIP_FOR = 1_000
