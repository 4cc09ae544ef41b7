import type { CacheClient } from '@cache/core'
import { OptionChecks, checkOptions, checkPrefix, createKeys } from '@cache/core/internal'
import { locksOn, type Locks } from '../../locks.js'
import { Renewals } from '../../manager/renewals.js'
import { checkTerms, holdOptions, type HoldOptions } from '../../manager/options.js'
import { Majority } from './majority.js'

export interface RedlockOptions extends Omit<HoldOptions, 'fair'> {
  /** One for each independent server; 3, 5, 7, … of them. */
  readonly clients: readonly CacheClient[]
  /** What the keys of these locks begin with, behind the namespace. Default 'redlock'. */
  readonly prefix?: string
}

/**
 * The same locks over a majority of independent servers: they are safe while a minority is dead,
 * hangs, or has lost its memory. The validity is checked after each acquisition and extension; what
 * a minority granted is given back everywhere. Waiters take no turns: independent servers keep no
 * common queue.
 *
 * Source: https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/
 *
 * @throws {InvalidOptionError} naming the option: an even number of clients, for example, or two of
 * one driver.
 * @example
 * const locks = createRedlock({ clients: [a, b, c] })
 * await locks.withLock('invoice:42', async ({ fence }) => pay(42, fence))
 */
export function createRedlock(options: RedlockOptions): Locks {
  const check = checkOptions('createRedlock', options, [
    'clients',
    'prefix',
    ...holdOptions.filter((name) => name !== 'fair'),
  ])
  const { clients } = options
  if (!Array.isArray(clients) || clients.length < 3 || clients.length % 2 === 0)
    check.fail('clients', 'an array of 3, 5, 7, … clients, one for each independent server')
  const all = new OptionChecks('clients', { ...clients })
  for (const i of clients.keys())
    all.shaped(String(i), ['run', 'key', 'send'], 'a client made by createCacheClient(…)')
  if (new Set(clients.map(({ driver }) => driver)).size < clients.length)
    check.fail('clients', 'clients of different servers, each once')
  const prefix = check.has('prefix')
    ? checkPrefix('prefix', options.prefix, clients[0]!.namespace)
    : 'redlock'
  // Each server is to have the same keys, whatever the namespace of its client.
  const keyOf = createKeys(clients[0]!.namespace, prefix)
  const majority = new Majority(clients)
  return locksOn(majority, keyOf, new Renewals(), checkTerms(check), () => majority.close())
}
