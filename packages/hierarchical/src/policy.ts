import {
  clientOption,
  loadPolicyOptions,
  omitOptions,
  required,
  sizeOption,
  ttlOption,
  type CheckedOptions,
  type OptionTable,
} from '@cache/core/internal'
import type { HierarchicalPolicy } from './types.js'

/** The options that all levels have in common. */
export type CommonOptions<Item> = Omit<HierarchicalPolicy<Item>, 'client' | 'maxGroupBytes'>

const commonOptionTable = omitOptions(loadPolicyOptions, ['version', 'earlyRefresh'])

/** The rows of `HierarchicalPolicy`. */
export const policyOptions = {
  client: clientOption,
  maxGroupBytes: sizeOption('256kb'),
  ...commonOptionTable,
  ttl: ttlOption(required),
} satisfies OptionTable<HierarchicalPolicy<any>>

/** `HierarchicalPolicy` that is checked, with its defaults. */
export type CheckedPolicy<Item> = CheckedOptions<typeof policyOptions, HierarchicalPolicy<Item>>

/** Returns the options that all levels have in common, as they were passed. */
export function commonOptions<Item>(options: HierarchicalPolicy<Item>): CommonOptions<Item> {
  return Object.fromEntries(
    Object.keys(commonOptionTable)
      .map((name) => [name, options[name as keyof CommonOptions<Item>]] as const)
      .filter(([, value]) => value !== undefined),
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
