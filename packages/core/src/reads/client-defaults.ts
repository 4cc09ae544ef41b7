import type { Codec } from '../codecs/codec.js'
import { OptionChecks } from '../util/options.js'
import type { Duration, Ttl } from '../util/duration.js'
import { LoadPolicy, loadPolicyOptions, type LoadPolicyOptions } from './policy.js'

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

const defaultNames = [
  ...loadPolicyOptions.filter((name) => name !== 'schema' && name !== 'version'),
  'intentTtl',
] as const

/**
 * Checks the option `defaults` of a client, and returns it.
 *
 * @throws {InvalidOptionError} naming the default: `defaults.ttl`.
 */
export function checkDefaults(check: OptionChecks, defaults: CacheDefaults): CacheDefaults {
  const nested = check.nested('defaults', defaultNames)
  nested.ttl('ttl', undefined)
  nested.duration('intentTtl', undefined)
  const sample = { ttl: '1h', ...withoutUndefined(defaults) } as const
  new LoadPolicy(new OptionChecks('defaults', sample), sample)
  return Object.freeze({ ...defaults })
}

/**
 * Adds the defaults of its client to the options of a cache. `known` are the names of the options
 * that the cache has. For packages of patterns.
 */
export function withClientDefaults<O>(options: O, known: readonly string[]): O {
  const { client } = (options ?? {}) as { readonly client?: { readonly defaults?: CacheDefaults } }
  const defaults = client?.defaults
  if (!defaults) return options
  const applicable = Object.entries(defaults).filter(([name]) => known.includes(name))
  return { ...Object.fromEntries(applicable), ...withoutUndefined(options) } as O
}

function withoutUndefined<O>(options: O): O {
  return Object.fromEntries(
    Object.entries(options as object).filter(([, value]) => value !== undefined),
  ) as O
}
