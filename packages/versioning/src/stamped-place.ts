import { channels } from '@cache/core'
import {
  plainEntryAccess,
  emit,
  type EntryAccess,
  type Entry,
  type EntryStore,
  type Lease,
  type LeaseRequest,
  type LoadPolicy,
  type StoreOptions,
} from '@cache/core/internal'
import type { Hints } from './hints.js'
import { checkVersions, type Place } from './place.js'
import { NONE, agree, decodeStamp, encodeStamp, type GroupVersions, type Groups } from './stamps.js'
import type { ClockReading, Versions } from './versions.js'

/** What the calls of one cache share. */
export interface Shared<T> {
  readonly entries: EntryStore
  readonly policy: LoadPolicy<T>
  readonly versions: Versions
  /**
   * Groups that turned out after a load that could not be kept: the next one asks for their
   * versions first.
   */
  readonly hints: Hints
  /** µs between the clocks of servers. */
  readonly clockSkew: number
}

/**
 * Strategy `'stamp'`: one key for each entry, and in it the versions its groups had before it was
 * loaded. An entry is right as long as these are still their versions, which is asked in the same
 * tick as the entry.
 */
export class StampedPlace<T> implements Place<T> {
  readonly #shared: Shared<T>
  readonly #key: string
  /** As far as they are known without the value. */
  readonly #known: Groups | undefined
  readonly #groupsOf: (value: T | null | undefined) => Groups
  readonly #plain: EntryAccess<T>
  /** The process has been looked through. */
  #past = false
  /** Of an entry that was found to be no longer right: its stamp, and its groups. */
  #outdated: Buffer | undefined
  #former = NONE as Groups
  #begin: Begin = { versions: NONE, clock: undefined }

  constructor(
    shared: Shared<T>,
    key: string,
    known: Groups | undefined,
    groupsOf: (value: T | null | undefined) => Groups,
  ) {
    this.#shared = shared
    this.#key = key
    this.#known = known
    this.#groupsOf = groupsOf
    this.#plain = plainEntryAccess(shared.entries, shared.policy)
  }

  near(key: string): Entry<T> | undefined {
    const { versions } = this.#shared
    const asked = this.#known && versions.kept(this.#known)
    if (this.#known && !asked) return undefined
    this.#past = true
    const entry = this.#plain.near?.(key)
    const groups = entry && this.#groupsIn(entry)
    const now = groups && versions.kept(groups)
    return now && agree(groups, decodeStamp(entry.stamp), now) ? entry : undefined
  }

  async read(key: string): Promise<Entry<T> | undefined> {
    const { entries, policy, versions } = this.#shared
    const reading = policy.needsLife
      ? entries.readWithLife(key, policy.format, this.#past ? 'near' : undefined)
      : entries.read(key, policy.format, this.#past ? 'near' : undefined)
    const [entry, now] = await Promise.all([reading, versions.read(this.#known ?? NONE)])
    return entry && (await this.#isRight(entry, this.#known ?? NONE, now)) ? entry : undefined
  }

  async lease(key: string, request: LeaseRequest): Promise<Lease<T>> {
    const { hints, versions } = this.#shared
    for (;;) {
      const groups: Groups = new Map([...(this.#known ?? NONE), ...this.#former, ...hints.of(key)])
      const asking = this.#plain.lease(key, { ...request, outdated: this.#outdated })
      const beginning = Promise.all([
        versions.stamp(groups),
        this.#known ? undefined : versions.clock(key),
      ])
      beginning.catch(() => undefined)
      const lease = await asking
      try {
        const [now, clock] = await beginning
        if (lease.status === 'leased') this.#begin = { versions: now, clock }
        if (!lease.entry || (await this.#isRight(lease.entry, groups, now))) return lease
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
    const versions = await this.#sinceBegin(groups)
    if (!versions) {
      this.#shared.hints.add(key, groups)
      await this.release(key, token, 0)
      return false
    }
    const filling = this.#plain.fill(key, token, value, stamped(storing, groups, versions))
    return this.#stillRight(filling, groups, versions)
  }

  renew(key: string, token: string, ttl: number, yields?: boolean): Promise<boolean> {
    return this.#plain.renew(key, token, ttl, yields)
  }

  release(key: string, token: string, skipFor: number): Promise<boolean> {
    return this.#plain.release(key, token, skipFor)
  }

  async current(): Promise<string> {
    return this.#key
  }

  async put(value: T, storing: StoreOptions, given: GroupVersions | undefined): Promise<boolean> {
    const { entries, policy, versions } = this.#shared
    const groups = this.#groupsOf(value)
    const since = given ? checkVersions(groups, given) : await versions.stamp(groups)
    return this.#stillRight(
      entries.put(this.#key, policy.format, value, stamped(storing, groups, since)),
      groups,
      since,
    )
  }

  /** Whether it was stored, and none of its groups was bumped before. */
  async #stillRight(
    storing: Promise<boolean>,
    groups: Groups,
    versions: GroupVersions,
  ): Promise<boolean> {
    const asking = this.#shared.versions.read(groups).catch(() => NONE)
    return (await storing) && agree(groups, versions, await asking)
  }

  /**
   * The versions of the groups as of the load's begin; `undefined` where they can't be told. Of a
   * group that turned out only after the load, the version is known to be as old if it was made
   * before, by the servers' clocks.
   */
  async #sinceBegin(groups: Groups): Promise<GroupVersions | undefined> {
    const { versions: store, clockSkew } = this.#shared
    const { versions, clock } = this.#begin
    const learnt = without(groups, versions)
    if (learnt.size === 0) return versions
    if (clock === undefined) return undefined
    const [now, later] = await Promise.all([store.stamp(learnt), store.clock(this.#key)])
    const before = clock.time - setBack(clock, later) - clockSkew
    return [...now.values()].every((version) => version < before)
      ? new Map([...versions, ...now])
      : undefined
  }

  /**
   * Whether its groups still have the versions it was stored with; those of `asked` had them `now`.
   */
  async #isRight(entry: Entry<T>, asked: Groups, now: GroupVersions): Promise<boolean> {
    const { versions } = this.#shared
    const groups = this.#groupsIn(entry)
    if (groups) {
      const stamps = decodeStamp(entry.stamp)
      const learnt = without(groups, asked)
      if (
        agree(
          groups,
          stamps,
          learnt.size === 0 ? now : new Map([...now, ...(await versions.read(learnt))]),
        )
      )
        return true
      // What the process keeps may be older than the entry.
      if (versions.keeps && agree(groups, stamps, await versions.read(groups, 'kept'))) return true
      this.#former = groups
    }
    this.#outdated = Buffer.from(entry.stamp ?? '')
    return false
  }

  #groupsIn(entry: Entry<T>): Groups | undefined {
    try {
      return this.#groupsOf(entry.value)
    } catch (error) {
      // a value of another shape than today's
      this.#report('groups', error)
      return undefined
    }
  }

  #report(operation: string, error: unknown): void {
    emit(channels.error, () => ({ operation, key: this.#key, error }))
  }
}

/** What was so before the load began. */
interface Begin {
  readonly versions: GroupVersions
  /** Where it may be needed. */
  readonly clock: ClockReading | undefined
}

/**
 * µs by which a server's clock may have been set back between two readings: as much less than this
 * process' clock it went on.
 */
function setBack(first: ClockReading, second: ClockReading): number {
  return Math.max(0, 1_000 * (second.answered - first.asked) - (second.time - first.time))
}

function stamped(
  { ttl, meta }: StoreOptions,
  groups: Groups,
  versions: GroupVersions,
): StoreOptions {
  return groups.size === 0
    ? { ttl, ...(meta && { meta }) }
    : { ttl, meta: { ...meta, stamp: encodeStamp(groups, versions) } }
}

function without(groups: Groups, those: ReadonlyMap<string, unknown>): Groups {
  return new Map([...groups].filter(([group]) => !those.has(group)))
}
