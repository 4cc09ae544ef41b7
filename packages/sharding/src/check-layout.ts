import { CacheError, InvalidOptionError, type Breaker, type Driver } from '@cache/core'
import { Layout } from './layout.js'
import { createShard, type Shard } from './shard.js'
import type { ShardLayout, Shards } from './sharded-driver-options.js'

/**
 * Builds a layout from the options of `shardedDriver` and `reshard`. Shards that are known already
 * are reused, with their new weights.
 *
 * @throws {InvalidOptionError} naming the option.
 */
export function checkLayout(
  { shards, placement }: Required<ShardLayout>,
  breaker: Breaker,
  known: readonly Shard[],
): Layout {
  if (
    typeof shards !== 'object' ||
    shards === null ||
    Array.isArray(shards) ||
    Object.keys(shards).length === 0
  )
    throw new InvalidOptionError(
      'shards',
      'an object with at least one driver, each under the name of its shard',
      shards,
    )
  const isPlacement =
    typeof placement === 'object' &&
    placement !== null &&
    typeof placement.name === 'string' &&
    typeof placement.build === 'function'
  if (!isPlacement)
    throw new InvalidOptionError(
      'placement',
      'rendezvous(), ketama(), jump(), modulo() or your own',
      placement,
    )
  const checked = checkShards(shards, breaker, known)
  try {
    const layout = new Layout(
      checked.map(({ shard }) => shard),
      checked.map(({ weight }) => weight),
      placement,
    )
    void layout.fingerprint // calls the placement for a sample of keys
    return layout
  } catch (error) {
    if (!(error instanceof CacheError) || error.code !== 'PLACEMENT') throw error
    throw new InvalidOptionError(
      'placement',
      'a placement whose build() returns a function from a key to an index in the list of shards',
      placement,
    )
  }
}

function checkShards(
  shards: Shards,
  breaker: Breaker,
  known: readonly Shard[],
): { readonly shard: Shard; readonly weight: number }[] {
  const drivers = new Set<Driver>()
  return Object.entries(shards).map(([name, value]) => {
    if (/:\/\/\S*@/.test(name))
      throw new InvalidOptionError(
        'shards',
        'named without users and passwords, because errors show the names',
      )
    const option = `shards.${name}`
    if (name === '' || /[\0-\x1f]/.test(name))
      throw new InvalidOptionError(option, 'named without control characters', name)
    const {
      driver,
      weight = 1,
      ...rest
    } = isDriver(value)
      ? { driver: value }
      : ((value ?? {}) as { driver?: unknown; weight?: unknown })
    if (!isDriver(driver) || Object.keys(rest).length > 0)
      throw new InvalidOptionError(option, 'a driver, or { driver, weight }', value)
    if (typeof weight !== 'number' || !(weight > 0 && weight < Infinity))
      throw new InvalidOptionError(`${option}.weight`, 'a number above 0', weight)
    if (drivers.has(driver))
      throw new InvalidOptionError(option, 'a driver that no other shard uses', driver)
    drivers.add(driver)
    const existing = known.find((shard) => shard.name === name)
    if (existing && existing.driver !== driver)
      throw new InvalidOptionError(
        option,
        'the same driver as before: a name stands for a server and its data',
        driver,
      )
    return { shard: existing ?? createShard(name, driver, breaker), weight }
  })
}

function isDriver(value: unknown): value is Driver {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['send', 'group', 'nodes', 'subscribe', 'dedicate', 'close'].every(
      (method) => typeof (value as Record<string, unknown>)[method] === 'function',
    )
  )
}
