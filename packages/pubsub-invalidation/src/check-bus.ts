import type { CacheClient } from '@cache/core'
import type { OptionChecks } from '@cache/core/internal'
import type { BusInternals, InvalidationBus } from './bus.js'

/**
 * Checks the option `bus`. The bus must use the client's driver, so that messages come from the
 * servers that commands go to, and the client's namespace.
 *
 * @throws {InvalidOptionError}
 */
export function checkBus(check: OptionChecks, client: CacheClient): InvalidationBus {
  const bus = check.shaped<InvalidationBus>('bus', ['publish', 'on', 'ready', 'close'], A_BUS)
  const { internals } = bus as { readonly internals?: BusInternals }
  if (internals?.client === undefined) check.fail('bus', A_BUS)
  if (internals.client.namespace !== client.namespace)
    check.fail('bus', `a bus of a client with the same namespace, "${client.namespace}"`)
  if (internals.client.driver !== client.driver)
    check.fail(
      'bus',
      'a bus of this client, or of a client with the same driver: ' +
        'its messages must come from the servers that commands go to',
    )
  return bus
}

const A_BUS = 'a bus: createInvalidationBus(…) or createTrackingBus(…)'
