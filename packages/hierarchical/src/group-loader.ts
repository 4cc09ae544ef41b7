import { CacheError, type CacheClient, type KeyPart, type LoadContext } from '@cache/core'
import { companion } from '@cache/core/internal'
import type { CachedGroup } from './cached-group.js'
import type { GroupMembership } from './group-membership.js'
import type { GroupRef } from './group-ref.js'
import type { GroupStore } from './group-store.js'
import { byId, encodeId } from './ids.js'
import type { ResolvedGroupLevel, ResolvedLevel } from './levels.js'
import { tryRequest, type RequestContext } from './try-request.js'

interface Dependencies<Item> {
  readonly client: CacheClient
  readonly membership: GroupMembership
  readonly store: GroupStore<Item>
  /** 0 for groups of items, 1 for groups of these, and so on. */
  readonly depth: number
  readonly level: ResolvedGroupLevel<Item>
  /** The levels below, the items first. */
  readonly below: readonly ResolvedLevel<Item>[]
  /** The cache of the level above. */
  readonly parentCache: ParentCache<Item> | undefined
}

/** The cache of the groups that the loaded groups are taken out of, if they are cached. */
export interface ParentCache<Item> {
  peekWithStamp(ref: GroupRef): Promise<StampedItems<Item, number | undefined> | undefined>
}

/** The items of a group, and the stamp at which its load began. */
export interface StampedItems<Item, Stamp extends number | undefined> {
  readonly items: readonly Item[]
  readonly loadStamp: Stamp
}

/** Loads the groups of one level, and records what they hold before they are cached. */
export class GroupLoader<Item> {
  readonly #dependencies: Dependencies<Item>

  constructor(dependencies: Dependencies<Item>) {
    this.#dependencies = dependencies
  }

  /** Loads a group: out of the group that holds it, if that is cached, or else from the source. */
  async load(ref: GroupRef, context: LoadContext<CachedGroup<Item>>): Promise<CachedGroup<Item>> {
    const { depth, level, membership, store } = this.#dependencies
    const request: RequestContext = { prefix: level.prefix, outage: ref.outage }
    for (let attempt = 1; ; attempt++) {
      const mayAskParent = attempt === 1 && !ref.fromSource
      const parent = mayAskParent ? await this.#fromParent(ref) : undefined
      const loadStamp = parent
        ? parent.loadStamp
        : await tryRequest(request, () => membership.beginLoad())
      const items = parent?.items ?? (await this.#callLoader(ref.id, context.signal))
      const itemsById = this.#checkItems(ref.id, items)
      const recorded =
        loadStamp !== undefined &&
        (await tryRequest(request, () =>
          membership.record(this.#memberKeys(items), `${depth}:${encodeId(ref.id)}`, loadStamp),
        ))
      if (recorded) {
        // Groups of the level below can be taken out of this one.
        const loaded = { items, itemsById, loadStamp: depth > 0 ? loadStamp : undefined }
        return (await store.toCachedGroup(ref, loaded)) ?? uncached(items, context)
      }
      // One of the items has changed in the meantime, so the loaded group may be older. Another
      // load is only useful while its result may still be cached.
      if (
        recorded !== false ||
        loadStamp === undefined ||
        attempt === MAX_ATTEMPTS ||
        !(await tryRequest(request, () => this.#isLeased(ref.id)))
      )
        return uncached(items, context)
    }
  }

  /** Loads the items of a group from the source. Returns them by their ids. */
  async loadFromSource(
    id: KeyPart,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<ReadonlyMap<string, Item>> {
    return this.#checkItems(id, await this.#callLoader(id, signal))
  }

  async #isLeased(id: KeyPart): Promise<boolean> {
    const { client, level } = this.#dependencies
    const lease = companion(level.keyOf(id), 'lease')
    return (
      (await client.send(
        { args: ['EXISTS', lease], keys: [lease] },
        { timeout: client.entries.readTimeout },
      )) === 1
    )
  }

  /**
   * Takes the items of a group out of its cached parent, if there is one. They have the load stamp
   * of the parent, because they are as old as it is.
   */
  async #fromParent({ id, parent }: GroupRef): Promise<StampedItems<Item, number> | undefined> {
    const { parentCache, level } = this.#dependencies
    const cached = parent && (await parentCache!.peekWithStamp(parent))
    if (cached?.loadStamp === undefined) return undefined
    return {
      items: cached.items.filter((item) => level.nameOf(level.idOf(item)) === level.nameOf(id)),
      loadStamp: cached.loadStamp,
    }
  }

  async #callLoader(id: KeyPart, signal: AbortSignal): Promise<readonly Item[]> {
    return this.#dependencies.level.load(id, { signal })
  }

  /**
   * Returns the items of a group by their ids.
   *
   * @throws {CacheError} if the loader's answer can't be this group.
   */
  #checkItems(id: KeyPart, items: readonly Item[]): Map<string, Item> {
    const { level, below } = this.#dependencies
    const name = level.nameOf(id)
    const refuse = (answer: string): never => {
      throw new CacheError(
        `The loader of the group "${name}" answered with ${answer}. Nothing was cached.`,
        { code: 'LOADER', key: level.keyOf(id) },
      )
    }
    if (!Array.isArray(items))
      refuse(`${items === null ? 'null' : typeof items} instead of an array of its items`)
    for (const item of items) {
      if (item === null || item === undefined) refuse(`${item} among its items`)
      const other = level.nameOf(level.idOf(item))
      if (other !== name) refuse(`an item of the group "${other}"`)
    }
    return byId(items, below[0]!.idOf, `the group "${name}"`)
  }

  /** Returns the keys of all that a group holds: its items, and the groups in between. */
  #memberKeys(items: readonly Item[]): readonly string[] {
    const keys = new Set<string>()
    for (const { keyOf, idOf } of this.#dependencies.below)
      for (const item of items) keys.add(keyOf(idOf(item)))
    return [...keys]
  }
}

/** Returns a group that is not cached. */
function uncached<Item>(
  items: readonly Item[],
  context: LoadContext<CachedGroup<Item>>,
): CachedGroup<Item> {
  context.skip()
  return { items, generation: undefined }
}

const MAX_ATTEMPTS = 3
