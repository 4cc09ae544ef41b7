import { InvalidOptionError, type CacheClient } from '@cache/core'
import { objectOption, required } from '@cache/core/internal'
import type { BusInternals, InvalidationBus } from './bus.js'

const A_BUS = 'a bus: createInvalidationBus(…) or createTrackingBus(…)'

/** The option `bus`. `checkBus` checks whether it fits the client. */
export const busOption = objectOption(['publish', 'on', 'ready', 'close'], A_BUS, required)

/**
 * Checks that a bus uses the client's driver, so that messages come from the servers that commands
 * go to, and the client's namespace.
 *
 * @throws {InvalidOptionError}
 */
export function checkBus(bus: InvalidationBus, client: CacheClient): InvalidationBus {
  const { internals } = bus as { readonly internals?: BusInternals }
  const fail = (expected: string): never => {
    throw new InvalidOptionError('bus', expected, bus)
  }
  if (internals?.client === undefined) return fail(A_BUS)
  if (internals.client.namespace !== client.namespace)
    fail(`a bus of a client with the same namespace, "${client.namespace}"`)
  if (internals.client.driver !== client.driver)
    fail(
      'a bus of this client, or of a client with the same driver: ' +
        'its messages must come from the servers that commands go to',
    )
  return bus
}
