import type { Entry } from '../entries/entry.js'
import type { EntryAccess } from './access.js'
import type { LoadPolicy } from './policy.js'
import { reportError } from './report-error.js'

/** The outcome of a read: the entry, `undefined` if there is none, or `REDIS_DOWN`. */
export type Lookup<T> = Entry<T> | undefined | typeof REDIS_DOWN

/** Redis did not answer. */
export const REDIS_DOWN: unique symbol = Symbol('Redis did not answer')

/** Reads an entry. Rejects only if the policy does not allow reads without Redis. */
export async function lookUp<T>(
  key: string,
  access: EntryAccess<T>,
  policy: LoadPolicy<T>,
  withLife?: boolean,
): Promise<Lookup<T>> {
  try {
    return await access.read(key, withLife)
  } catch (error) {
    continueWithoutRedis(key, error, policy)
    return REDIS_DOWN
  }
}

/**
 * Reports a read that Redis did not answer.
 *
 * @throws the error, if the policy does not allow reads without Redis.
 */
export function continueWithoutRedis<T>(key: string, error: unknown, policy: LoadPolicy<T>): void {
  reportError('read', key, error)
  if (policy.inOutage === 'reject') throw error
}
