import type { EntryStore, Lease, LeaseRequest } from '../entries/store.js'
import type { Entry } from '../entries/entry.js'
import type { LoadPolicy, StoreOptions } from './policy.js'

/**
 * How a call reaches its entry; by default as `EntryStore` does. A pattern whose entries depend on
 * more than themselves brings its own, one for each call: an entry that is no longer right is none,
 * and a fill that was not right any more when it was done answers `false`, so that who joined the
 * load meanwhile reads again.
 */
export interface EntryAccess<T> {
  /** The access that this one slows down, where it does nothing else. */
  readonly limits?: EntryAccess<T>
  /** What the process can answer by itself. */
  near?(key: string): Entry<T> | undefined
  read(key: string): Promise<Entry<T> | undefined>
  lease(key: string, request: LeaseRequest): Promise<Lease<T>>
  fill(key: string, token: string, value: T, storing: StoreOptions): Promise<boolean>
  renew(key: string, token: string, ttl: number, yields?: boolean): Promise<boolean>
  release(key: string, token: string, skipFor: number): Promise<boolean>
}

/** Through the entry store, and nothing else. */
export function plainEntryAccess<T>(
  entries: EntryStore,
  { format, needsLife }: LoadPolicy<T>,
): EntryAccess<T> {
  const { near } = entries
  return {
    ...(near && { near: (key: string) => near.get(key, format) }),
    read: needsLife
      ? (key) => entries.readWithLife(key, format, 'near')
      : (key) => entries.read(key, format, 'near'),
    lease: (key, request) => entries.lease(key, format, request),
    fill: (key, token, value, storing) => entries.fill(key, format, token, value, storing),
    renew: (key, token, ttl, yields) => entries.renew(key, token, ttl, yields),
    release: (key, token, skipFor) => entries.release(key, token, skipFor),
  }
}
