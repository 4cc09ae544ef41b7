import { InvalidOptionError, v8 } from '@cache/core'
import {
  choiceOption,
  clientOption,
  customOption,
  durationOption,
  formatOptions,
  loadPolicyOptions,
  omitOptions,
  readOptions,
  textOption,
  ttlOption,
  withClientDefaults,
  type CheckedOptions,
  type OptionTable,
} from '@cache/core/internal'
import type { DrizzleCacheOptions } from './types.js'

/** The rows of `DrizzleCacheOptions`. */
const drizzleCacheOptions = {
  ...omitOptions(loadPolicyOptions, ['schema', 'version', 'negativeTtl']),
  client: clientOption,
  tables: customOption((tables, path) => checkRecord(tables, path, 'an object of tables')),
  prefix: textOption('sql'),
  strategy: choiceOption(['explicit', 'all'], 'explicit'),
  ttl: ttlOption(),
  dependents: customOption((dependents, path) =>
    checkRecord<readonly string[]>(dependents ?? {}, path, 'an object of lists of tables'),
  ),
  intentTtl: durationOption('5s'),
  codec: customOption((codec, path) =>
    formatOptions.codec.check(codec === undefined ? v8 : codec, path),
  ),
} satisfies OptionTable<DrizzleCacheOptions>

type CheckedDrizzleCacheOptions = CheckedOptions<typeof drizzleCacheOptions, DrizzleCacheOptions>

/**
 * Returns the options: `own` with their defaults, and `shared` as `createVersioned` takes them.
 *
 * @throws {InvalidOptionError} if one is wrong.
 */
export function readDrizzleCacheOptions(given: DrizzleCacheOptions) {
  const options = withClientDefaults(drizzleCacheOptions, given)
  const own: CheckedDrizzleCacheOptions = readOptions(
    'createDrizzleCache',
    drizzleCacheOptions,
    options,
  )
  const { prefix, codec } = own
  const shared = omitOptions(options, ['tables', 'dependents', 'strategy'])
  return { own, shared: { ...shared, prefix, codec } }
}

function checkRecord<V>(value: unknown, path: string, expected: string): Record<string, V> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidOptionError(path, expected, value)
  return value as Record<string, V>
}
