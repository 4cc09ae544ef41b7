import type { OptionChecks } from '../util/options.js'
import type { CacheClient } from './client.js'

/** The option `client` that every pattern has. @throws {InvalidOptionError} */
export function checkClient(check: OptionChecks): CacheClient {
  return check.shaped(
    'client',
    ['key', 'send', 'run', 'scan'],
    'a client made by createCacheClient(…)',
  )
}
