import type { Codec } from '../codecs/codec.js'
import {
  customOption,
  durationOption,
  omitOptions,
  readGroup,
  readOptions,
  ttlOption,
  type CheckedOptions,
  type OptionTable,
} from '../util/options.js'
import type { Duration, Ttl } from '../util/duration.js'
import { loadPolicyOptions, refuseEarlyRefreshOfNever, type LoadPolicyOptions } from './policy.js'

/**
 * Default options for all caches of a client. A cache that sets an option itself overrides the
 * default; `false` turns off `negativeTtl`, `errorTtl`, `staleWhileRevalidate`, `staleIfError` and
 * `earlyRefresh`. A cache that does not have an option ignores its default.
 */
export interface CacheDefaults extends Omit<
  LoadPolicyOptions<any>,
  'ttl' | 'codec' | 'schema' | 'version'
> {
  /** How long an entry is fresh, or `'never'`: it does not expire. */
  readonly ttl?: Ttl
  /** Encodes values as bytes. */
  readonly codec?: Codec<any>
  /** How long a change of the source may take. */
  readonly intentTtl?: Duration
}

/** The rows of `CacheDefaults`. */
const defaultOptions = {
  ...omitOptions(loadPolicyOptions, ['schema', 'version']),
  ttl: ttlOption(),
  intentTtl: durationOption(),
} satisfies OptionTable<CacheDefaults>

/** The option `defaults` of a client. The result is as it was passed, but frozen. */
export const defaultsOption = customOption((defaults, path): CacheDefaults | undefined => {
  if (defaults === undefined) return undefined
  refuseEarlyRefreshOfNever(readGroup(defaultOptions, defaults, path), `${path}.earlyRefresh`)
  return Object.freeze({ ...(defaults as CacheDefaults) })
})

/**
 * Checks the options of a cache like `readOptions`. Options that it does not set have the defaults
 * of its client.
 */
export function readCacheOptions<const Table extends OptionTable<any>, Options>(
  owner: string,
  table: Table,
  options: Options,
): CheckedOptions<Table, Options> {
  return readOptions(owner, table, withClientDefaults(table, options))
}

/**
 * Returns the options of a cache as they were passed. Options that it has but does not set are the
 * defaults of its client.
 */
export function withClientDefaults<Options>(table: OptionTable<any>, options: Options): Options {
  const { client } = (options ?? {}) as { readonly client?: { readonly defaults?: CacheDefaults } }
  const defaults = client?.defaults
  if (!defaults) return options
  const applicable = Object.entries(defaults).filter(([name]) => Object.hasOwn(table, name))
  return { ...Object.fromEntries(applicable), ...withoutUndefined(options) } as Options
}

function withoutUndefined<O>(options: O): O {
  return Object.fromEntries(
    Object.entries(options as object).filter(([, value]) => value !== undefined),
  ) as O
}
