import { channels } from '@cache/core'
import {
  leaseUnlessStampScript,
  plainEntryAccess,
  emit,
  type EntryAccess,
  type Entry,
  type EntryStore,
  type Lease,
  type LeaseRequest,
  type LoadPolicy,
  type StoreOptions,
  type ClockReading,
} from '@cache/core/internal'
import { checkVersions, type EntryStrategy } from './entry-strategy.js'
import type { RecentGroups } from './recent-groups.js'
import {
  EMPTY,
  decodeStamp,
  encodeStamp,
  haveSameVersions,
  type GroupVersions,
  type Groups,
} from './stamps.js'
import type { Versions } from './versions.js'

/** What the calls of one cache with strategy `'stamp'` share. */
export interface StampDependencies<T> {
  readonly entries: EntryStore
  readonly policy: LoadPolicy<T>
  readonly versions: Versions
  /**
   * The groups of values that could not be cached, because the groups were known only after the
   * load. The next load reads their versions before it begins.
   */
  readonly recentGroups: RecentGroups
  /** The largest difference between the clocks of two servers, in µs. */
  readonly clockSkew: number
}

/**
 * Strategy `'stamp'`: one key for each entry, with a stamp that has the versions of its groups
 * before the load. An entry is valid as long as the groups still have these versions. They are read
 * in the same tick as the entry.
 */
export class StampStrategy<T> implements EntryStrategy<T> {
  readonly #dependencies: StampDependencies<T>
  readonly #key: string
  /** The groups that are known without the value. */
  readonly #known: Groups
  /** Whether these are all; otherwise only the value tells. */
  readonly #knowsAll: boolean
  readonly #groupsOf: (value: T | null | undefined) => Groups
  readonly #plain: EntryAccess<T>
  /** Whether this call has already checked the near cache. */
  #checkedNear = false
  /** The stamp of an entry that this call found invalid. */
  #invalidStamp: Buffer | undefined
  /** The groups of that entry. */
  #invalidGroups = EMPTY as Groups
  #loadStart: LoadStart = { versions: EMPTY, clock: undefined }

  constructor(
    dependencies: StampDependencies<T>,
    key: string,
    { known, knowsAll }: { readonly known: Groups; readonly knowsAll: boolean },
    groupsOf: (value: T | null | undefined) => Groups,
  ) {
    this.#dependencies = dependencies
    this.#key = key
    this.#known = known
    this.#knowsAll = knowsAll
    this.#groupsOf = groupsOf
    this.#plain = plainEntryAccess(dependencies.entries, dependencies.policy)
  }

  near(key: string): Entry<T> | undefined {
    const { versions } = this.#dependencies
    if (!versions.cached(this.#known)) return undefined
    this.#checkedNear = true
    const entry = this.#plain.near?.(key)
    const groups = entry && this.#groupsIn(entry)
    const current = groups && versions.cached(groups)
    return current && haveSameVersions(groups, decodeStamp(entry.stamp), current)
      ? entry
      : undefined
  }

  async read(
    key: string,
    withLife = this.#dependencies.policy.needsLife,
  ): Promise<Entry<T> | undefined> {
    const { entries, policy, versions } = this.#dependencies
    const known = this.#known
    const reading = withLife
      ? entries.readWithLife(key, policy.format, this.#checkedNear ? 'near' : undefined)
      : entries.read(key, policy.format, this.#checkedNear ? 'near' : undefined)
    const [entry, current] = await Promise.all([reading, versions.read(known)])
    return entry && (await this.#isValid(entry, known, current)) ? entry : undefined
  }

  async lease(key: string, request: LeaseRequest): Promise<Lease<T>> {
    const { recentGroups, versions } = this.#dependencies
    for (;;) {
      const groups: Groups = new Map([
        ...this.#known,
        ...this.#invalidGroups,
        ...recentGroups.get(key),
      ])
      const leasing = this.#plain.lease(
        key,
        this.#invalidStamp
          ? {
              ...request,
              extension: { script: leaseUnlessStampScript, args: [this.#invalidStamp] },
            }
          : request,
      )
      const reading = Promise.all([
        versions.ensure(groups),
        this.#knowsAll ? undefined : versions.clock(key),
      ])
      reading.catch(() => undefined)
      const lease = await leasing
      try {
        const [current, clock] = await reading
        if (lease.status === 'leased') this.#loadStart = { versions: current, clock }
        if (!lease.entry || (await this.#isValid(lease.entry, groups, current))) return lease
        if (lease.status !== 'hit') return { ...lease, entry: undefined }
      } catch (error) {
        if (lease.status === 'leased')
          void this.release(key, request.token, 0).catch((cause: unknown) =>
            this.#report('release', cause),
          )
        throw error
      }
    }
  }

  async fill(key: string, token: string, value: T, storing: StoreOptions): Promise<boolean> {
    const groups = this.#groupsOf(value)
    const versions = await this.#versionsAtLoadStart(groups)
    if (!versions) {
      this.#dependencies.recentGroups.set(key, groups)
      await this.release(key, token, 0)
      return false
    }
    const filling = this.#plain.fill(key, token, value, withStamp(storing, groups, versions))
    return this.#isStillValid(filling, groups, versions)
  }

  renew(key: string, token: string, ttl: number, yields?: boolean): Promise<boolean> {
    return this.#plain.renew(key, token, ttl, yields)
  }

  /** Resolves to `false` also if a group was bumped: the load may have begun before that. */
  release(key: string, token: string, skipFor: number): Promise<boolean> {
    const releasing = this.#plain.release(key, token, skipFor)
    return this.#isStillValid(releasing, this.#known, this.#loadStart.versions)
  }

  async currentKey(): Promise<string> {
    return this.#key
  }

  async put(
    value: T,
    storing: StoreOptions,
    expected: GroupVersions | undefined,
  ): Promise<boolean> {
    const { entries, policy, versions } = this.#dependencies
    const groups = this.#groupsOf(value)
    const since = expected ? checkVersions(groups, expected) : await versions.ensure(groups)
    return this.#isStillValid(
      entries.put(this.#key, policy.format, value, withStamp(storing, groups, since)),
      groups,
      since,
    )
  }

  /** Returns whether the step succeeded, and no group was bumped since it had these versions. */
  async #isStillValid(
    step: Promise<boolean>,
    groups: Groups,
    versions: GroupVersions,
  ): Promise<boolean> {
    const reading = this.#dependencies.versions.read(groups).catch(() => EMPTY)
    return (await step) && haveSameVersions(groups, versions, await reading)
  }

  /**
   * Returns the versions that the groups had when the load began; `undefined` if that is unknown. A
   * group that the load has revealed had its current version then, if that version was made before
   * by the servers' clocks.
   */
  async #versionsAtLoadStart(groups: Groups): Promise<GroupVersions | undefined> {
    const { versions: store, clockSkew } = this.#dependencies
    const { versions, clock } = this.#loadStart
    const learnt = withoutKeys(groups, versions)
    if (learnt.size === 0) return versions
    if (clock === undefined) return undefined
    const [learntVersions, clockNow] = await Promise.all([
      store.ensure(learnt),
      store.clock(this.#key),
    ])
    const loadStartTime = clock.time - setBackBy(clock, clockNow) - clockSkew
    return [...learntVersions.values()].every((version) => version < loadStartTime)
      ? new Map([...versions, ...learntVersions])
      : undefined
  }

  /**
   * Returns whether the groups of an entry still have the versions in its stamp. `current` has the
   * current versions of the groups `known`; the versions of other groups are read.
   */
  async #isValid(entry: Entry<T>, known: Groups, current: GroupVersions): Promise<boolean> {
    const { versions } = this.#dependencies
    const groups = this.#groupsIn(entry)
    if (groups) {
      const stamp = decodeStamp(entry.stamp)
      const learnt = withoutKeys(groups, known)
      const all =
        learnt.size === 0 ? current : new Map([...current, ...(await versions.read(learnt))])
      if (haveSameVersions(groups, stamp, all)) return true
      // Versions that this process has cached may be older than the entry.
      if (
        versions.isCaching &&
        haveSameVersions(groups, stamp, await versions.read(groups, 'skip-cache'))
      )
        return true
      this.#invalidGroups = groups
    }
    this.#invalidStamp = Buffer.from(entry.stamp ?? '')
    return false
  }

  /** Returns the groups of a cached value; `undefined` if `groups` throws for it. */
  #groupsIn(entry: Entry<T>): Groups | undefined {
    try {
      return this.#groupsOf(entry.value)
    } catch (error) {
      // An earlier release may have stored a value of another shape.
      this.#report('groups', error)
      return undefined
    }
  }

  #report(operation: string, error: unknown): void {
    emit(channels.error, () => ({ operation, key: this.#key, error }))
  }
}

/** The state before a load began. */
interface LoadStart {
  readonly versions: GroupVersions
  /** The clock of the entry's server, if groups may be learnt from the value. */
  readonly clock: ClockReading | undefined
}

/**
 * Returns by how many µs a server's clock may have been set back between two readings: the time
 * that passed by this process' clock, less the time that passed by the server's clock.
 */
function setBackBy(first: ClockReading, second: ClockReading): number {
  return Math.max(0, 1_000 * (second.answered - first.asked) - (second.time - first.time))
}

function withStamp(storing: StoreOptions, groups: Groups, versions: GroupVersions): StoreOptions {
  return groups.size === 0
    ? storing
    : { ...storing, meta: { ...storing.meta, stamp: encodeStamp(groups, versions) } }
}

function withoutKeys(groups: Groups, excluded: ReadonlyMap<string, unknown>): Groups {
  return new Map([...groups].filter(([group]) => !excluded.has(group)))
}
