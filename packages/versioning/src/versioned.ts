import { InvalidOptionError, type KeyPart } from '@cache/core'
import {
  choiceOption,
  clientOption,
  LoadPolicy,
  ReadPath,
  checkPrefix,
  clearableOptions,
  durationOption,
  functionOption,
  givenOption,
  epochKey,
  keyById,
  loadPolicyOptions,
  mapAtOnce,
  openMutation,
  parseTtl,
  readCacheOptions,
  readThrough,
  readsById,
  required,
  sourceLoader,
  sourceOptions,
  unclearable,
  warnAboutSharedPrefix,
  writeSource,
  type OptionTable,
} from '@cache/core/internal'
import type { EntryStrategy } from './entry-strategy.js'
import { KeyStrategy } from './key-strategy.js'
import { RecentGroups } from './recent-groups.js'
import { resolveGroups } from './resolve-groups.js'
import { StampStrategy, type StampDependencies } from './stamp-strategy.js'
import { EMPTY, type Groups } from './stamps.js'
import type { Versioned, VersionedOptions } from './types.js'
import { VERSION_PREFIX, Versions } from './versions.js'

/**
 * Creates a read-through cache whose entries belong to groups (tags). One `bump` of a group makes
 * all its entries invalid, in O(1).
 *
 * @throws {InvalidOptionError} if an option is wrong; the error names it.
 * @example
 * const products = createVersioned({
 *   client, prefix: 'product', ttl: '1h',
 *   load: (id: number) => db.product(id),
 *   groups: (id, product) => product && [`category:${product.categoryId}`],
 * })
 * await products.bump('category:7')
 */
export function createVersioned<Loaded, Id = KeyPart>(
  givenOptions: VersionedOptions<Loaded, Id>,
): Versioned<Loaded, Id> {
  type T = NonNullable<Loaded>
  const options = readCacheOptions('createVersioned', versionedOptions, givenOptions)
  const { client, groups: groupsOf, strategy: strategyName, intentTtl } = options
  const prefix = checkPrefix('prefix', options.prefix, client.namespace)
  if (prefix === VERSION_PREFIX)
    throw new InvalidOptionError(
      'prefix',
      `another than "${VERSION_PREFIX}", where the versions are`,
      prefix,
    )
  const keyOf = keyById(client, prefix, options.key)
  const policy = new LoadPolicy<T>(options, {
    mustExpire: 'entries of a bumped group that nobody reads again must end by themselves',
  })
  const versions = new Versions(client, {
    ttl: options.versionTtl ?? Math.max(30 * DAY, Math.ceil(2 * policy.maxLife)),
    cacheTtl: options.versionCache,
  })
  const { clockSkew: skew = client.driver.topology === 'standalone' ? 0 : 1_000 } = options
  const clockSkew = skew * 1_000
  const { entries } = client
  const dependencies: StampDependencies<T> = {
    entries,
    policy,
    versions,
    recentGroups: new RecentGroups(),
    clockSkew,
  }
  const load = sourceLoader<Loaded, Id>(options)
  warnAboutSharedPrefix(client, prefix, {
    kind:
      strategyName === 'key'
        ? 'entries with versions in their keys'
        : policy.clearable
          ? 'entries of a clearable cache with groups'
          : 'entries with groups',
    codec: options.codec,
    schema: options.schema,
  })
  const path = new ReadPath<T>(client, prefix, policy)

  /** The group that `clear` bumps. No group of a value has this name. */
  const all: Groups = policy.clearable ? new Map([['', epochKey(client.namespace, prefix)]]) : EMPTY
  const withAll = (groups: Groups): Groups =>
    all.size === 0 ? groups : new Map([...all, ...groups])
  const resolve = (groups: unknown): Groups => resolveGroups('groups', groups, versions.keyOf)
  /** Whether a value has told more groups than were known without it. */
  let learnsGroups = false
  const strategyFor = (id: Id, key = keyOf(id)): EntryStrategy<T> => {
    const knownNames = groupsOf(id)
    const knowsAll = knownNames !== undefined
    const known = knowsAll ? withAll(resolve(knownNames)) : all
    const groupsOfValue = (value: T | null | undefined): Groups => {
      if (value === null || value === undefined) return known
      const names = groupsOf(id, value)
      if (knowsAll && areSameNames(knownNames, names)) return known
      learnsGroups = true
      return withAll(resolve(names))
    }
    if (strategyName === 'stamp')
      return new StampStrategy(
        dependencies,
        key,
        { known, knowsAll: knowsAll && !learnsGroups },
        groupsOfValue,
      )
    if (!knowsAll)
      throw new InvalidOptionError(
        'groups',
        "a function that names them without the value, for strategy 'key'",
        undefined,
      )
    return new KeyStrategy(dependencies, key, known, groupsOfValue)
  }

  return {
    ...readThrough<Loaded, Id>(readsById(path, keyOf, strategyFor), options),

    async refresh(id, call) {
      const access = strategyFor(id)
      return (await path.refresh(keyOf(id), (context) => load(id, context), {
        signal: call?.signal,
        access,
        dropsKey: () => access.currentKey(),
      })) as Loaded
    },

    peek: async (id, call) => path.peek(keyOf(id), strategyFor(id), call?.outage),

    inspect: async (id, call) => path.inspect(keyOf(id), strategyFor(id), call?.outage),

    has: async (id) => path.has(keyOf(id), strategyFor(id)),

    bump: async (groups) => versions.bump(resolve(asArray(groups))),

    mutateGroups: async (groups, change) =>
      versions.mutate(resolve(asArray(groups)), intentTtl, change),

    versions: async (groups) => versions.ensure(withAll(resolve(groups))),

    async set(id, value, { ttl, versions: expected } = {}) {
      const key = keyOf(id)
      const strategy = strategyFor(id, key)
      const storing = policy.storing(value, {
        ttl: ttl === undefined ? undefined : parseTtl(ttl, 'ttl'),
      })
      return path.changing(
        [key],
        async () =>
          storing
            ? strategy.put(value, storing, expected)
            : (await entries.invalidate([await strategy.currentKey()]), false),
        'writes',
      )
    },

    async invalidate(ids) {
      const keys = asArray(ids).map((id) => keyOf(id))
      const strategies = asArray(ids).map((id) => strategyFor(id))
      return path.changing(
        keys,
        async () =>
          entries.invalidate(
            await mapAtOnce(strategies, entries.atOnce, (strategy) => strategy.currentKey()),
          ),
        'invalidations',
      )
    },

    async mutate(ids, change) {
      if (strategyName === 'key')
        throw new InvalidOptionError('strategy', "'stamp', for mutate()", strategyName)
      const keys = asArray(ids).map((id) => keyOf(id))
      return path.changing(
        keys,
        () => writeSource(client, { keys, intentTtl, change }),
        'invalidations',
      )
    },

    async beginMutation(ids, mutationOptions) {
      if (strategyName === 'key')
        throw new InvalidOptionError('strategy', "'stamp', for beginMutation()", strategyName)
      const keys = asArray(ids).map((id) => keyOf(id))
      return openMutation(client, {
        keys,
        intentTtl,
        options: mutationOptions,
        around: (work, step) =>
          path.changing(keys, work, step === 'commit' ? 'invalidations' : undefined),
      })
    },

    beginGroupMutation: async (groups, mutationOptions) =>
      versions.beginMutation(resolve(asArray(groups)), intentTtl, mutationOptions),

    async clear() {
      if (!policy.clearable) throw unclearable(prefix)
      await path.changing('all', () => versions.bump(all))
    },

    stats: () => path.stats(),

    idle: () => path.idle(),
  }
}

/** The rows of `VersionedOptions`. */
const versionedOptions = {
  client: clientOption,
  prefix: givenOption(),
  key: functionOption(),
  groups: functionOption(required),
  strategy: choiceOption(['stamp', 'key'], 'stamp'),
  versionCache: durationOption(),
  versionTtl: durationOption(),
  clockSkew: durationOption(),
  intentTtl: durationOption('5s'),
  ...clearableOptions,
  ...sourceOptions,
  ...loadPolicyOptions,
} satisfies OptionTable<VersionedOptions<any, any>>

/** Returns whether both lists have the same names in the same order, as they nearly always do. */
function areSameNames(a: readonly string[], b: readonly string[] | undefined): boolean {
  return Array.isArray(b) && b.length === a.length && a.every((name, i) => name === b[i])
}

function asArray<A>(value: A | readonly A[]): readonly A[] {
  return Array.isArray(value) ? (value as readonly A[]) : [value as A]
}

const DAY = 86_400_000
