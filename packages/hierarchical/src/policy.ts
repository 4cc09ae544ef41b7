import type { HierarchicalPolicy } from './types.js'

/** What all levels have in common. */
export type CommonOptions<Item> = Omit<HierarchicalPolicy<Item>, 'client' | 'maxGroupBytes'>

const common = [
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

export const policyOptions = ['client', 'maxGroupBytes', ...common] as const

export function commonOf<Item>(options: HierarchicalPolicy<Item>): CommonOptions<Item> {
  return Object.fromEntries(
    common.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]),
  ) as unknown as CommonOptions<Item>
}

/** As `commonOf`, for values that are no items. */
export function plainOf<Item>({
  codec: _codec,
  schema: _schema,
  ...rest
}: CommonOptions<Item>): Omit<CommonOptions<Item>, 'codec' | 'schema'> {
  return rest
}
