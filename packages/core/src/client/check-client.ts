import { objectOption, required, type Option } from '../util/options.js'
import type { CacheClient } from './client.js'

/** The option `client`, which every pattern has. */
export const clientOption = objectOption(
  ['key', 'send', 'run', 'scan'],
  'a client made by createCacheClient(…)',
  required,
) as Option<unknown> as Option<CacheClient>

/**
 * Checks that an argument of a call is a client, and returns it.
 *
 * @throws {InvalidOptionError} naming the argument.
 */
export function checkClient(client: unknown): CacheClient {
  return clientOption.check(client, 'client')
}
