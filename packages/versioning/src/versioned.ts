import { InvalidOptionError, parseDuration, type Duration, type KeyPart } from '@cache/core'
import {
  checkClient,
  LoadPolicy,
  ReadPath,
  checkOptions,
  checkPrefix,
  keyById,
  loadPolicyOptions,
  mapAtOnce,
  openMutation,
  readThrough,
  readsById,
  sourceOptions,
  writeSource,
} from '@cache/core/internal'
import { namedGroups } from './group-names.js'
import { Hints } from './hints.js'
import { KeyedPlace } from './keyed-place.js'
import type { Place } from './place.js'
import { StampedPlace, type Shared } from './stamped-place.js'
import { NONE, type Groups } from './stamps.js'
import type { Versioned, VersionedOptions } from './types.js'
import { VERSION_PREFIX, Versions } from './versions.js'

const names = [
  'client',
  'prefix',
  'key',
  'groups',
  'strategy',
  'versionCache',
  'versionTtl',
  'clockSkew',
  'intentTtl',
  ...sourceOptions,
  ...loadPolicyOptions,
] as const

/**
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const products = createVersioned({ client, prefix: 'product', ttl: '1h', load: (id: number) => db.product(id), groups: (id, product) => product && [`category:${product.categoryId}`] })
 * await products.bump('category:7')
 */
export function createVersioned<Loaded, Id = KeyPart>(
  options: VersionedOptions<Loaded, Id>,
): Versioned<Loaded, Id> {
  type T = NonNullable<Loaded>
  const check = checkOptions('createVersioned', options, names)
  const client = checkClient(check)
  const prefix = checkPrefix('prefix', options.prefix, client.namespace)
  if (prefix === VERSION_PREFIX)
    check.fail('prefix', `another than "${VERSION_PREFIX}", where the versions are`)
  const keyOf = keyById(
    client,
    prefix,
    check.function<(id: Id) => KeyPart | readonly KeyPart[]>('key'),
  )
  const groupsOf = check.function<typeof options.groups>('groups', 'required')
  const strategy = check.oneOf('strategy', ['stamp', 'key'], 'stamp')
  const intentTtl = check.duration('intentTtl', 5_000)
  const policy = new LoadPolicy<T>(check, options)
  const longest =
    typeof options.ttl === 'function'
      ? 0
      : 2 * (parseDuration(options.ttl, 'ttl') + policy.staleBelow)
  const versions = new Versions(client, {
    ttl: check.duration('versionTtl', Math.max(30 * DAY, longest)),
    keepFor: check.duration('versionCache', undefined),
  })
  const clockSkew =
    check.duration('clockSkew', client.driver.topology === 'standalone' ? 0 : 1_000) * 1_000
  const shared: Shared<T> = {
    entries: client.entries,
    policy,
    versions,
    hints: new Hints(),
    clockSkew,
  }
  const path = new ReadPath<T>(client, prefix, policy)
  const { entries } = client

  const intentOf = (own: { readonly intentTtl?: Duration } | undefined): number =>
    own?.intentTtl === undefined ? intentTtl : parseDuration(own.intentTtl, 'intentTtl')
  const named = (groups: unknown): Groups => namedGroups('groups', groups, versions.keyOf)
  const placeOf = (id: Id, key = keyOf(id)): Place<T> => {
    const without = groupsOf(id)
    const known = without === undefined ? undefined : named(without)
    const groups = (value: T | null | undefined): Groups => {
      if (value === null || value === undefined) return known ?? NONE
      const names = groupsOf(id, value)
      return known && isSame(without!, names) ? known : named(names)
    }
    if (strategy === 'stamp') return new StampedPlace(shared, key, known, groups)
    if (!known)
      throw new InvalidOptionError(
        'groups',
        "a function that names them without the value, for strategy 'key'",
        undefined,
      )
    return new KeyedPlace(shared, key, known, groups)
  }

  return {
    ...readThrough<Loaded, Id>(readsById(path, keyOf, placeOf), check),

    peek: async (id, call) => path.peek(keyOf(id), placeOf(id), call?.outage),

    bump: async (groups) => versions.bump(named(each(groups))),

    mutateGroups: async (groups, change) => versions.mutate(named(each(groups)), intentTtl, change),

    versions: async (groups) => versions.stamp(named(groups)),

    async set(id, value, { ttl, versions: given } = {}) {
      const key = keyOf(id)
      const place = placeOf(id, key)
      const storing = policy.storing(value, {
        ttl: ttl === undefined ? undefined : parseDuration(ttl, 'ttl'),
      })
      return path.changing([key], async () =>
        storing
          ? place.put(value, storing, given)
          : (await entries.invalidate([await place.current()]), false),
      )
    },

    async invalidate(ids) {
      const places = each(ids).map((id) => placeOf(id))
      return path.changing(
        each(ids).map((id) => keyOf(id)),
        async () =>
          entries.invalidate(await mapAtOnce(places, entries.atOnce, (place) => place.current())),
      )
    },

    async mutate(ids, change) {
      if (strategy === 'key')
        throw new InvalidOptionError('strategy', "'stamp', for mutate()", strategy)
      const keys = each(ids).map((id) => keyOf(id))
      return path.changing(keys, () => writeSource(client, { keys, intentTtl, change }))
    },

    async beginMutation(ids, own) {
      if (strategy === 'key')
        throw new InvalidOptionError('strategy', "'stamp', for beginMutation()", strategy)
      const keys = each(ids).map((id) => keyOf(id))
      return openMutation(client, {
        keys,
        intentTtl: intentOf(own),
        around: (work) => path.changing(keys, work),
      })
    },

    beginGroupMutation: async (groups, own) =>
      versions.beginMutation(named(each(groups)), intentOf(own)),

    idle: () => path.idle(),
  }
}

/** As nearly always. */
function isSame(one: readonly string[], other: readonly string[] | undefined): boolean {
  return (
    Array.isArray(other) && other.length === one.length && one.every((name, i) => name === other[i])
  )
}

function each<A>(one: A | readonly A[]): readonly A[] {
  return Array.isArray(one) ? (one as readonly A[]) : [one as A]
}

const DAY = 86_400_000
