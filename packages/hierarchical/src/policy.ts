import type { HierarchicalPolicy } from './types.js'

/** The options that all levels have in common. */
export type CommonOptions<Item> = Omit<HierarchicalPolicy<Item>, 'client' | 'maxGroupBytes'>

const commonNames = [
  'ttl',
  'jitter',
  'codec',
  'schema',
  'maxValueBytes',
  'negativeTtl',
  'errorTtl',
  'retryOn',
  'staleWhileRevalidate',
  'staleIfError',
  'stampede',
  'waitFor',
  'leaseTtl',
  'loadTimeout',
  'waitUntil',
] as const

/** The names of the options of `HierarchicalPolicy`. */
export const policyOptions = ['client', 'maxGroupBytes', ...commonNames] as const

/** Returns the options that all levels have in common. */
export function commonOptions<Item>(options: HierarchicalPolicy<Item>): CommonOptions<Item> {
  return Object.fromEntries(
    commonNames.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  ) as unknown as CommonOptions<Item>
}

/** Returns the common options without those that only apply to items. */
export function withoutItemOptions<Item>({
  codec: _codec,
  schema: _schema,
  ...rest
}: CommonOptions<Item>): Omit<CommonOptions<Item>, 'codec' | 'schema'> {
  return rest
}
