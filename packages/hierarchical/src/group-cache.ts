import {
  CacheError,
  CommandTimeoutError,
  ConnectionError,
  channels,
  type CacheClient,
  type CallOptions,
  type KeyPart,
  type LoadContext,
  type Mutation,
} from '@cache/core'
import { companion, emit, type LoadPolicy, type ReadOutage } from '@cache/core/internal'
import { createVersioned, type Versioned } from '@cache/versioning'
import type { Holders } from './group-membership.js'
import { byId, encodeId } from './ids.js'
import { LargeGroups } from './large-groups.js'
import type { Groups, Level } from './levels.js'
import type { CommonOptions } from './policy.js'
import { lifeScript } from './scripts.js'
import type { MutationTime } from './types.js'
import { shelfCodec, shelfSchema, type Shelf } from './cached-group.js'

/** A group, and what holds it. */
export interface GroupRef {
  readonly id: KeyPart
  readonly above: GroupRef | undefined
  /** Of the call that asks for it. */
  readonly outage?: ReadOutage | undefined
}

interface Wiring<Item> {
  readonly client: CacheClient
  readonly policy: LoadPolicy<Item>
  readonly options: CommonOptions<Item>
  readonly maxGroupBytes: number
  readonly heldFor: number
  readonly holders: Holders
  /** Counted from the items, which are 0. */
  readonly depth: number
  readonly level: Groups<Item>
  /** The levels that it holds, the items first. */
  readonly below: readonly Level<Item>[]
  /** The groups that hold these. */
  readonly above: GroupCache<Item> | undefined
}

/** The groups of one level. */
export class GroupCache<Item> {
  readonly #wiring: Wiring<Item>
  readonly #shelves: Versioned<Shelf<Item>, GroupRef>
  readonly #large: LargeGroups<Item>
  readonly #codec: ReturnType<typeof shelfCodec<Item>>

  constructor(wiring: Wiring<Item>) {
    this.#wiring = wiring
    const { client, level, options, heldFor } = wiring
    const { codec, schema, maxValueBytes, ...policy } = options
    this.#codec = shelfCodec<Item>(codec)
    this.#large = new LargeGroups({ client, heldFor, format: { codec, schema, maxValueBytes } })
    this.#shelves = createVersioned<Shelf<Item>, GroupRef>({
      ...policy,
      client,
      prefix: level.prefix,
      codec: this.#codec,
      ...(schema && { schema: shelfSchema(schema) }),
      ...(maxValueBytes !== undefined && { maxValueBytes }),
      key: ({ id }) => id,
      groups: (ref) => this.namesOf(ref),
      load: (ref, context) => this.#load(ref, context),
    })
  }

  /** All items of a group, from the source if need be. */
  async all(ref: GroupRef, call?: CallOptions): Promise<readonly Item[]> {
    return this.#read(
      ref,
      call,
      async (shelf) => {
        if (shelf.items) return shelf.items
        const items = await this.#large.all(this.#keyOf(ref.id), shelf.generation!)
        return items && [...items.values()]
      },
      (items) => items,
    )
  }

  /** These items of a group, by their ids; those that it does not hold are missing. */
  async some(
    ref: GroupRef,
    ids: readonly string[],
    call?: CallOptions,
  ): Promise<ReadonlyMap<string, Item>> {
    return this.#read(
      ref,
      call,
      (shelf) => this.#someOf(ref, shelf, ids),
      (items) => this.#byId(items),
    )
  }

  /** The items of a group by their ids, from the source and nowhere else. */
  async load(
    id: KeyPart,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<ReadonlyMap<string, Item>> {
    return this.#checked(id, await this.#fetch(id, signal))
  }

  /** As `all`, of what is cached. */
  async peek(ref: GroupRef): Promise<readonly Item[] | undefined> {
    return (await this.#peekDated(ref))?.items
  }

  /** As `some`, of what is cached. */
  async peekSome(
    ref: GroupRef,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Item> | undefined> {
    const shelf = await this.#shelves.peek(ref)
    return shelf ? this.#orNothing(() => this.#someOf(ref, shelf, ids), ref) : undefined
  }

  /**
   * Ms that a group has left to be fresh; 0 or less: it is stale; `undefined`: there is none, or
   * Redis does not answer.
   */
  async freshFor(ref: GroupRef): Promise<number | undefined> {
    const key = this.#keyOf(ref.id)
    const left = await this.#orNothing(
      () => this.#wiring.client.entries.run(lifeScript, [key], []),
      ref,
    )
    return typeof left === 'number' && left >= 0 ? left - this.#wiring.policy.staleBelow : undefined
  }

  /** The names of the versions that a group depends on: its own, and those of what holds it. */
  namesOf({ id, above }: GroupRef): readonly string[] {
    return [this.#wiring.level.nameOf(id), ...(above ? this.#wiring.above!.namesOf(above) : [])]
  }

  /** Deletes groups: their items stay. */
  async drop(ids: readonly KeyPart[]): Promise<void> {
    if (ids.length > 0) await this.#shelves.invalidate(ids.map((id) => ({ id, above: undefined })))
  }

  /** Makes groups and all that they hold invalid. */
  async bump(ids: readonly KeyPart[]): Promise<void> {
    await this.#shelves.bump(ids.map((id) => this.#wiring.level.nameOf(id)))
  }

  beginMutation(ids: readonly KeyPart[], own: MutationTime | undefined): Promise<Mutation> {
    return this.#shelves.beginMutation(
      ids.map((id) => ({ id, above: undefined })),
      own,
    )
  }

  beginGroupMutation(ids: readonly KeyPart[], own: MutationTime | undefined): Promise<Mutation> {
    return this.#shelves.beginGroupMutation(
      ids.map((id) => this.#wiring.level.nameOf(id)),
      own,
    )
  }

  idle(): Promise<void> {
    return this.#shelves.idle()
  }

  /**
   * Reads a group in one way where it is stored, in another where it has just been loaded and could
   * not be.
   */
  async #read<R>(
    ref: GroupRef,
    call: CallOptions | undefined,
    stored: (shelf: Shelf<Item>) => Promise<R | undefined>,
    loaded: (items: readonly Item[]) => R,
  ): Promise<R> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const shelf = await this.#shelves.get(ref, { ...call, outage: ref.outage })
      const found = await this.#orNothing(() => stored(shelf), shelf.items ? {} : ref)
      if (found) return found
      if (ref.outage?.down) break
      // Its hash is gone, evicted or replaced: an entry that still names it is worth nothing.
      const named = await this.#shelves.peek(ref, ref)
      if (named?.generation === shelf.generation)
        await this.#orNothing(() => this.drop([ref.id]), ref)
    }
    return loaded([...(await this.load(ref.id, call?.signal)).values()])
  }

  async #someOf(
    { id }: GroupRef,
    shelf: Shelf<Item>,
    ids: readonly string[],
  ): Promise<ReadonlyMap<string, Item> | undefined> {
    return shelf.items
      ? this.#byId(shelf.items)
      : this.#large.some(this.#keyOf(id), shelf.generation!, ids)
  }

  async #load(ref: GroupRef, context: LoadContext<Shelf<Item>>): Promise<Shelf<Item>> {
    const { depth, holders } = this.#wiring
    for (let attempt = 1; ; attempt++) {
      const above = attempt === 1 ? await this.#fromAbove(ref) : undefined
      const since = above ? above.since : await this.#orNothing(() => holders.begin(), ref)
      const items = above?.items ?? (await this.#fetch(ref.id, context.signal))
      const found = this.#checked(ref.id, items)
      const held =
        since !== undefined &&
        (await this.#orNothing(
          () => holders.hold(this.#members(items), `${depth}:${encodeId(ref.id)}`, since),
          ref,
        ))
      if (held) return this.#shelve(ref, items, found, since, context)
      // One of them has changed meanwhile: what was loaded may be older. Another load is only of
      // use while this one may still be kept.
      if (
        held !== false ||
        since === undefined ||
        attempt === ATTEMPTS ||
        !(await this.#orNothing(() => this.#isLeased(ref.id), ref))
      )
        return uncached(items, context)
    }
  }

  async #isLeased(id: KeyPart): Promise<boolean> {
    const lease = companion(this.#keyOf(id), 'lease')
    const { client } = this.#wiring
    return (
      (await client.send(
        { args: ['EXISTS', lease], keys: [lease] },
        { timeout: client.entries.readTimeout },
      )) === 1
    )
  }

  /**
   * A group out of what holds it, where that is cached, and when that was loaded: it is as old as
   * that.
   */
  async #fromAbove({
    id,
    above,
  }: GroupRef): Promise<{ readonly items: readonly Item[]; readonly since: number } | undefined> {
    const { above: cache, level } = this.#wiring
    const found = above && (await cache!.#peekDated(above))
    if (found?.since === undefined) return undefined
    return {
      items: found.items.filter((item) => level.nameOf(level.idOf(item)) === level.nameOf(id)),
      since: found.since,
    }
  }

  async #peekDated(
    ref: GroupRef,
  ): Promise<{ readonly items: readonly Item[]; readonly since: number | undefined } | undefined> {
    const shelf = await this.#shelves.peek(ref, ref)
    if (!shelf) return undefined
    const items =
      shelf.items ??
      (await this.#orNothing(() => this.#large.all(this.#keyOf(ref.id), shelf.generation!), ref))
    return items && { items: [...items.values()], since: shelf.since }
  }

  async #fetch(id: KeyPart, signal: AbortSignal): Promise<readonly Item[]> {
    return this.#wiring.level.load(id, { signal })
  }

  /** @throws {CacheError} for what can't be this group. */
  #checked(id: KeyPart, items: readonly Item[]): Map<string, Item> {
    const { level } = this.#wiring
    const name = level.nameOf(id)
    const refuse = (what: string): never => {
      throw new CacheError(
        `The loader of the group "${name}" answered with ${what}. Nothing was cached.`,
        { code: 'LOADER', key: this.#keyOf(id) },
      )
    }
    if (!Array.isArray(items))
      refuse(`${items === null ? 'null' : typeof items} instead of an array of its items`)
    for (const item of items) {
      if (item === null || item === undefined) refuse(`${item} among its items`)
      const other = level.nameOf(level.idOf(item))
      if (other !== name) refuse(`an item of the group "${other}"`)
    }
    return byId(items, this.#wiring.below[0]!.idOf, `the group "${name}"`)
  }

  /** The keys of all that a group holds: its items, and the groups between. */
  #members(items: readonly Item[]): readonly string[] {
    const keys = new Set<string>()
    for (const { keyOf, idOf } of this.#wiring.below)
      for (const item of items) keys.add(keyOf(idOf(item)))
    return [...keys]
  }

  async #shelve(
    ref: GroupRef,
    items: readonly Item[],
    found: ReadonlyMap<string, Item>,
    stamp: number,
    context: LoadContext<Shelf<Item>>,
  ): Promise<Shelf<Item>> {
    const { depth } = this.#wiring
    const key = this.#keyOf(ref.id)
    const since = depth > 0 ? { since: stamp } : undefined
    try {
      const payload = this.#encoded(key, { items, generation: undefined, ...since })
      // One that was authenticated was so without what travels with the entry: it is made again.
      if (payload !== undefined)
        return { items, generation: undefined, ...since, ...(!this.#codec.seal && { payload }) }
    } catch (error) {
      // the source has answered all the same
      emit(channels.error, () => ({ operation: 'group', key, error }))
      return uncached(items, context)
    }
    const generation = await this.#orNothing(() => this.#large.put(key, found), ref)
    return generation === undefined ? uncached(items, context) : { items, generation, ...since }
  }

  /** A group as one entry; `undefined`: it is too large for one. */
  #encoded(key: string, shelf: Shelf<Item>): string | Buffer | undefined {
    const { maxGroupBytes, policy } = this.#wiring
    const { maxValueBytes } = policy.format
    try {
      const payload = this.#codec.encode(shelf, { key, maxValueBytes })
      return Buffer.byteLength(payload) <= Math.min(maxGroupBytes, maxValueBytes)
        ? payload
        : undefined
    } catch (error) {
      if (error instanceof CacheError && error.code === 'VALUE_TOO_LARGE') return undefined
      throw error
    }
  }

  #byId(items: readonly Item[]): ReadonlyMap<string, Item> {
    return byId(items, this.#wiring.below[0]!.idOf, 'a group')
  }

  #keyOf(id: KeyPart): string {
    return this.#wiring.level.keyOf(id)
  }

  /**
   * Nothing where Redis does not answer: the source does. It is not asked where it left the call
   * without an answer before.
   */
  async #orNothing<R>(
    ask: () => Promise<R>,
    { outage }: Pick<GroupRef, 'outage'>,
  ): Promise<R | undefined> {
    if (outage?.down) return undefined
    try {
      return await ask()
    } catch (error) {
      if (outage && (error instanceof ConnectionError || error instanceof CommandTimeoutError))
        outage.down = true
      emit(channels.error, () => ({ operation: 'group', key: this.#wiring.level.prefix, error }))
      return undefined
    }
  }
}

function uncached<Item>(items: readonly Item[], context: LoadContext<Shelf<Item>>): Shelf<Item> {
  context.skip()
  return { items, generation: undefined }
}

const ATTEMPTS = 3
