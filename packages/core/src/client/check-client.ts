import type { OptionChecks } from '../util/options.js'
import type { CacheClient } from './client.js'

/**
 * Returns the option `client`, which every pattern has.
 * @throws {InvalidOptionError} if it is not a client.
 */
export function checkClient(check: OptionChecks): CacheClient {
  return check.shaped(
    'client',
    ['key', 'send', 'run', 'scan'],
    'a client made by createCacheClient(…)',
  )
}
