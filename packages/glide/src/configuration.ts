import type {
  GlideClientConfiguration,
  GlideClusterClientConfiguration,
} from '@valkey/valkey-glide'
import { InvalidOptionError } from '@cache/core'

/** The configuration of a GLIDE client, for one server or for a Cluster. */
export type GlideConfiguration = GlideClientConfiguration | GlideClusterClientConfiguration

/**
 * Checks that a client with this configuration can be used by the driver.
 *
 * @throws {InvalidOptionError} for options that would return stale or changed values, and for
 * subscriptions, which the driver opens itself.
 */
export function checkConfiguration(configuration: GlideConfiguration): void {
  const { addresses, readFrom, compression, clientSideCache, pubsubSubscriptions } =
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
  if ((configuration as GlideClientConfiguration).readOnly)
    throw new InvalidOptionError(
      'configuration.readOnly',
      'unset: a replica may return invalidated values',
      true,
    )
  refuse('clientSideCache', clientSideCache, 'unset: use a near cache, which is never stale')
  refuse('compression', compression, 'unset: use the codec `compressed`, which scripts can read')
  refuse('pubsubSubscriptions', pubsubSubscriptions, 'unset: subscribe with a client of your own')
}

function refuse(option: string, value: unknown, expected: string): void {
  if (value !== undefined) throw new InvalidOptionError(`configuration.${option}`, expected, value)
}
