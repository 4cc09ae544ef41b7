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
import type { PrismaCacheOptions, PrismaNamespace } from './types.js'

/** The rows of `PrismaCacheOptions`. */
const prismaCacheOptions = {
  ...omitOptions(loadPolicyOptions, ['schema', 'version', 'negativeTtl']),
  client: clientOption,
  Prisma: customOption(checkNamespace),
  prefix: textOption('prisma'),
  strategy: choiceOption(['explicit', 'all'], 'explicit'),
  ttl: ttlOption(),
  dependents: customOption((dependents, path) => checkDependents(dependents ?? {}, path)),
  intentTtl: durationOption('5s'),
  codec: customOption((codec, path) =>
    formatOptions.codec.check(codec === undefined ? v8 : codec, path),
  ),
} satisfies OptionTable<PrismaCacheOptions>

type CheckedPrismaCacheOptions = CheckedOptions<typeof prismaCacheOptions, PrismaCacheOptions>

/**
 * Returns the options: `own` with their defaults, and `shared` as `createVersioned` takes them.
 *
 * @throws {InvalidOptionError} if one is wrong.
 */
export function readPrismaCacheOptions(given: PrismaCacheOptions) {
  const options = withClientDefaults(prismaCacheOptions, given)
  const own: CheckedPrismaCacheOptions = readOptions(
    'createPrismaCache',
    prismaCacheOptions,
    options,
  )
  const { prefix, codec } = own
  const shared = omitOptions(options, ['Prisma', 'dependents', 'strategy'])
  return { own, shared: { ...shared, prefix, codec } }
}

function checkNamespace(value: unknown, path: string): PrismaNamespace {
  const { Decimal } = (value ?? {}) as Partial<PrismaNamespace>
  if (typeof Decimal?.isDecimal !== 'function')
    throw new InvalidOptionError(
      path,
      "the namespace of your generated client: import { Prisma } from './generated/client.js'",
      value,
    )
  return value as PrismaNamespace
}

function checkDependents(value: unknown, path: string): Record<string, readonly string[]> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidOptionError(path, 'an object of lists of models', value)
  for (const [name, others] of Object.entries(value))
    if (!Array.isArray(others))
      throw new InvalidOptionError(`${path}.${name}`, 'an array of names of models', others)
  return value as Record<string, readonly string[]>
}
