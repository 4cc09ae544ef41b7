import { InvalidOptionError, type CacheClient } from '@cache/core'
import {
  checkPrefix,
  clientOption,
  closeWith,
  createKeys,
  customOption,
  givenOption,
  omitOptions,
  readOptions,
  type OptionTable,
} from '@cache/core/internal'
import { locksOf, type Locks } from '../../locks.js'
import { LockManager } from '../../manager/lock-manager.js'
import { holdOptions, type HoldOptions } from '../../manager/options.js'
import { Renewals } from '../../manager/renewals.js'
import type { NamedLockBackend } from '../backend.js'
import { MajorityBackend } from './majority.js'

export interface RedlockOptions extends Omit<HoldOptions, 'fair'> {
  /** One client for each independent server: 3, 5, 7, … of them. */
  readonly clients: readonly CacheClient[]
  /** The first part of every key, after the client's namespace. Default 'redlock'. */
  readonly prefix?: string
}

/** The rows of `RedlockOptions`. */
const redlockOptions = {
  clients: customOption(checkClients),
  prefix: givenOption('redlock'),
  ...omitOptions(holdOptions, ['fair']),
} satisfies OptionTable<RedlockOptions>

function checkClients(clients: unknown, path: string): readonly CacheClient[] {
  const fail = (expected: string): never => {
    throw new InvalidOptionError(path, expected, clients)
  }
  if (!Array.isArray(clients) || clients.length < 3 || clients.length % 2 === 0)
    return fail('an array of 3, 5, 7, … clients, one for each independent server')
  const checked = clients.map((client, i) => clientOption.check(client, `${path}.${i}`))
  if (new Set(checked.map(({ driver }) => driver)).size < checked.length)
    return fail('clients of different servers, without duplicates')
  return checked
}

/**
 * Creates locks over a majority of independent servers (Redlock).
 *
 * They have the same interface as those of `createLocks`. They stay exclusive while a minority of
 * the servers is dead, hangs, or has lost its memory. The remaining validity is checked after each
 * acquisition and extension. What only a minority granted is released on all servers. Waiters are
 * not served in order, because independent servers have no common queue.
 *
 * Source: https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/
 *
 * @throws {InvalidOptionError} If an option is invalid: for example an even number of clients, or
 * two clients of one driver. The error names the option.
 * @example
 * const locks = createRedlock({ clients: [a, b, c] })
 * await locks.withLock('invoice:42', async ({ fence }) => pay(42, fence))
 */
export function createRedlock(options: RedlockOptions): Locks {
  const { clients, prefix: given, ...rest } = readOptions('createRedlock', redlockOptions, options)
  const prefix = checkPrefix('prefix', given, clients[0]!.namespace)
  // All servers use the same keys, whatever the namespaces of their clients are.
  const keyOf = createKeys(clients[0]!.namespace, prefix)
  const backend = new MajorityBackend(clients)
  const defaults = { ...rest, fair: true }
  const manager = new LockManager<NamedLockBackend>(prefix, backend, new Renewals(), defaults, () =>
    backend.close(),
  )
  for (const client of clients) closeWith(client, manager)
  return locksOf(manager, keyOf, defaults)
}
