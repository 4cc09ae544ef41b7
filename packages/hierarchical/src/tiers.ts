import type { CacheClient, CallOptions, KeyPart } from '@cache/core'
import { mapAtOnce, type LoadPolicy } from '@cache/core/internal'
import { createVersioned, type Versioned } from '@cache/versioning'
import { GroupCache } from './group-cache.js'
import { GroupMembership } from './group-membership.js'
import type { GroupRef } from './group-ref.js'
import { idCodec, textOf } from './ids.js'
import type { ResolvedGroupLevel, ResolvedLevels } from './levels.js'
import { isAbsent, type Maybe } from './maybe.js'
import { withoutItemOptions, type CommonOptions } from './policy.js'

/** What the caches of all levels need. */
export interface HierarchicalDependencies<Item> {
  readonly client: CacheClient
  readonly levels: ResolvedLevels<Item>
  readonly policy: LoadPolicy<Item>
  readonly options: CommonOptions<Item>
  readonly maxGroupBytes: number
  /** The longest time for which a group may be cached, in ms. */
  readonly maxGroupTtl: number
}

/** The caches of one level of groups. */
export interface Tier<Item> {
  readonly level: ResolvedGroupLevel<Item>
  /** Caches which group of this level holds an id of the level below. */
  readonly parents: Versioned<Maybe<KeyPart>, KeyPart>
  /** The prefix of the keys of `parents`. */
  readonly parentsPrefix: string
  /** Caches the groups of this level. */
  readonly cache: GroupCache<Item>
}

/** The levels of groups with their caches. It knows which groups hold a group. */
export class Tiers<Item extends NonNullable<unknown>> {
  /** The lowest level first. */
  readonly all: readonly Tier<Item>[]
  readonly membership: GroupMembership
  readonly #client: CacheClient

  constructor(dependencies: HierarchicalDependencies<Item>) {
    const { client, levels, options, policy, maxGroupTtl } = dependencies
    const [items, ...groups] = levels
    this.#client = client
    const parents = groups.map((level, i) => {
      const prefix = prefixOfParents(levels[i]!.prefix, level.prefix)
      const cache = createVersioned<Maybe<KeyPart>, KeyPart>({
        ...withoutItemOptions(options),
        client,
        prefix,
        codec: idCodec(options.codec),
        groups: () => [],
        load: async (id) => level.groupOf(id),
      })
      return { prefix, cache }
    })
    this.membership = new GroupMembership({
      client,
      versions: parents[0]!.cache,
      versionName: `${items.prefix}::changes`,
      maxGroupTtl,
      maxLoadTime: 2 * policy.leaseTtl,
    })
    const tiers: Tier<Item>[] = []
    for (let i = groups.length - 1; i >= 0; i--)
      tiers.unshift({
        level: groups[i]!,
        parents: parents[i]!.cache,
        parentsPrefix: parents[i]!.prefix,
        cache: new GroupCache<Item>({
          ...dependencies,
          membership: this.membership,
          depth: i,
          level: groups[i]!,
          below: levels.slice(0, i + 1),
          parentCache: tiers[0]?.cache,
        }),
      })
    this.all = tiers
  }

  /** The groups of items. */
  get lowest(): Tier<Item> {
    return this.all[0]!
  }

  /** Returns a group with the groups above that hold it. */
  async groupRef(depth: number, id: KeyPart, call?: CallOptions): Promise<GroupRef> {
    const parent = await this.all[depth + 1]?.parents.get(id, call)
    return {
      id,
      parent: isAbsent(parent) ? undefined : await this.groupRef(depth + 1, parent, call),
      outage: call?.outage,
    }
  }

  /** Returns a group like `groupRef`; `undefined` if its parents are not cached. */
  async peekRef(depth: number, id: KeyPart): Promise<GroupRef | undefined> {
    const above = this.all[depth + 1]
    if (!above) return { id, parent: undefined }
    const parentId = await above.parents.peek(id)
    if (parentId === undefined) return undefined
    if (parentId === null) return { id, parent: undefined }
    const parent = await this.peekRef(depth + 1, parentId)
    return parent && { id, parent }
  }

  /** Calls `visit` for groups of a level, and for the groups above that hold them. */
  async forEachAncestor(
    depth: number,
    groups: readonly KeyPart[],
    visit: (tier: number, id: KeyPart) => unknown,
  ): Promise<void> {
    const distinct = [...new Map(groups.map((group) => [textOf(group), group])).values()]
    await mapAtOnce(distinct, this.#client.entries.atOnce, async (group) => {
      let ref: GroupRef | undefined = await this.groupRef(depth, group)
      for (let tier = depth; ref; tier++, ref = ref.parent) visit(tier, ref.id)
    })
  }
}

/**
 * Returns the prefix of the keys that say which group holds an item or a group. A prefix has at
 * most one hash tag.
 */
function prefixOfParents(below: string, above: string): string {
  return `${below}:in:${below.includes('{') ? above.replaceAll(/[{}]/g, '') : above}`
}
