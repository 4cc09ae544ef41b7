import type { Lease, LeaseRequest } from '../entries/requests.js'
import type { EntryStore } from '../entries/store.js'
import type { Entry } from '../entries/entry.js'
import { limitTo } from '../util/concurrency.js'
import type { LoadPolicy, StoreOptions } from './policy.js'

/**
 * The steps with which one call reaches its entry. By default these are the steps of `EntryStore`.
 *
 * A pattern whose entries depend on more than their own key brings its own access, one for each
 * call. `read` returns `undefined` for an invalid entry. `fill` returns `false` if the value became
 * invalid in the meantime, so that callers who joined the load read again.
 */
export interface EntryAccess<T> {
  /** The access that this one wraps, if it only limits the concurrency of its steps. */
  readonly unlimited?: EntryAccess<T>
  /** Returns the entry if the process can answer without Redis. */
  near?(key: string): Entry<T> | undefined
  /** `withLife`: whether the entry has its remaining life. By default, if the policy needs it. */
  read(key: string, withLife?: boolean): Promise<Entry<T> | undefined>
  lease(key: string, request: LeaseRequest): Promise<Lease<T>>
  fill(key: string, token: string, value: T, storing: StoreOptions): Promise<boolean>
  renew(key: string, token: string, ttl: number, yields?: boolean): Promise<boolean>
  release(key: string, token: string, skipFor: number): Promise<boolean>
}

/** Returns the access that uses the steps of the entry store. */
export function plainEntryAccess<T>(
  entries: EntryStore,
  { format, needsLife }: LoadPolicy<T>,
): EntryAccess<T> {
  const { near } = entries
  return {
    ...(near && { near: (key: string) => near.get(key, format) }),
    read: (key, withLife = needsLife) =>
      withLife ? entries.readWithLife(key, format, 'near') : entries.read(key, format, 'near'),
    lease: (key, request) => entries.lease(key, format, request),
    fill: (key, token, value, storing) => entries.fill(key, format, token, value, storing),
    renew: (key, token, ttl, yields) => entries.renew(key, token, ttl, yields),
    release: (key, token, skipFor) => entries.release(key, token, skipFor),
  }
}

/** Returns the access to the entry of a key. */
export type AccessOf<T> = (key: string) => EntryAccess<T>

/** Limits all accesses together to `max` concurrent steps, which leaves room for other calls. */
export function limitAccess<T>(accessOf: AccessOf<T>, max: number): AccessOf<T> {
  const limited = limitTo(max)
  return (key) => {
    const access = accessOf(key)
    return {
      ...(access.near && { near: (nearKey: string) => access.near!(nearKey) }),
      unlimited: access,
      read: (...args) => limited(() => access.read(...args)),
      lease: (...args) => limited(() => access.lease(...args)),
      fill: (...args) => limited(() => access.fill(...args)),
      renew: (...args) => limited(() => access.renew(...args)),
      release: (...args) => limited(() => access.release(...args)),
    }
  }
}
