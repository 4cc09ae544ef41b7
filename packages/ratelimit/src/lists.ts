import { channels, InvalidKeyError, InvalidOptionError } from '@cache/core'
import { emit } from '@cache/core/internal'
import type { Id } from './rate-limiter.js'

/** The ids on a list, or a function that returns whether an id is on it. */
export type IdList = readonly Id[] | ((id: Id) => boolean | Promise<boolean>)

/** The list that an id is on. */
export type Listing = 'allow' | 'deny'

/** Returns whether an id, whose key is `key`, is on a list. */
export type Lookup = (id: Id, key: string) => boolean | Promise<boolean>

/** The allow list and the deny list of a limiter. An id that is on both is denied. */
export class Lists {
  readonly #lookups: readonly (readonly [listing: Listing, lookup: Lookup])[]

  constructor({ allow, deny }: Readonly<Record<Listing, Lookup | undefined>>) {
    this.#lookups = [
      ...(deny ? [['deny', deny] as const] : []),
      ...(allow ? [['allow', allow] as const] : []),
    ]
  }

  /**
   * Returns the list that an id is on. If a function throws or rejects, the id is not on its list:
   * the limits decide. The error is reported on `cache:error`.
   */
  async find(id: Id, key: string): Promise<Listing | undefined> {
    for (const [listing, lookup] of this.#lookups)
      try {
        if ((await lookup(id, key)) === true) return listing
      } catch (error) {
        emit(channels.error, () => ({ operation: `ratelimit ${listing} list`, key, error }))
      }
    return undefined
  }
}

/** @throws {InvalidOptionError} for anything but an array of valid ids or a function. */
export function checkIdList(
  option: Listing,
  list: IdList | undefined,
  keyOf: (id: Id) => string,
): Lookup | undefined {
  if (list === undefined) return undefined
  if (typeof list === 'function') return (id) => list(id)
  if (!Array.isArray(list))
    throw new InvalidOptionError(
      option,
      'an array of ids, or a function that returns whether an id is on the list',
      list,
    )
  const keys = new Set<string>()
  for (const id of list as readonly Id[])
    try {
      keys.add(keyOf(id))
    } catch (error) {
      if (!(error instanceof InvalidKeyError)) throw error
      throw new InvalidOptionError(
        option,
        `an array of ids that keys can contain. ${error.message}`,
        list,
      )
    }
  return (_id, key) => keys.has(key)
}
