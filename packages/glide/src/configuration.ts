import type { GlideClientConfiguration } from '@valkey/valkey-glide'
import { InvalidOptionError } from '@cache/core'

/**
 * Checks that a client with this configuration can be used by the driver.
 *
 * @throws {InvalidOptionError} for options that would return stale or changed values, and for
 * subscriptions, which the driver opens itself.
 */
export function checkConfiguration(configuration: GlideClientConfiguration): void {
  const { addresses, readFrom, readOnly, compression, clientSideCache, pubsubSubscriptions } =
    configuration ?? {}
  if (!Array.isArray(addresses) || addresses.length === 0)
    throw new InvalidOptionError(
      'configuration.addresses',
      'a list of at least one { host, port }',
      addresses,
    )
  if (readFrom !== undefined && readFrom !== 'primary')
    throw new InvalidOptionError(
      'configuration.readFrom',
      "'primary': a replica may return invalidated values",
      readFrom,
    )
  refuse('readOnly', readOnly || undefined, 'unset: a replica may return invalidated values')
  refuse('clientSideCache', clientSideCache, 'unset: use a near cache, which is never stale')
  refuse('compression', compression, 'unset: use the codec `compressed`, which scripts can read')
  refuse('pubsubSubscriptions', pubsubSubscriptions, 'unset: subscribe with a client of your own')
}

function refuse(option: string, value: unknown, expected: string): void {
  if (value !== undefined) throw new InvalidOptionError(`configuration.${option}`, expected, value)
}

/** Returns the addresses of a configuration, `host:port`. */
export function addressesOf({ addresses }: GlideClientConfiguration): readonly string[] {
  return addresses.map(({ host, port = 6379 }) => `${host}:${port}`)
}
