import { READS } from './operation.js'
import type { CheckedReadOptions } from './read-options.js'

/** The argument that tells the hook of a query how to cache it. The database does not see it. */
export const CHOICE = '$cache'

/** How a read is cached. */
export interface ReadChoice extends CheckedReadOptions {
  /** What else than the query its result depends on. */
  readonly variant: string
}

/** Returns a client like this one whose reads have a choice about the cache. */
export function withChoice<Client extends object>(
  client: Client,
  isModel: (property: string | symbol) => boolean,
  choice: ReadChoice | false,
): Client {
  return new Proxy(client, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property)
      return isModel(property) ? readsWith(value as object, choice) : value
    },
  })
}

function readsWith(model: object, choice: ReadChoice | false): object {
  return new Proxy(model, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property)
      if (typeof value !== 'function' || !READS.has(property as string)) return value
      return (args?: object) => value.call(target, { ...args, [CHOICE]: choice }) as unknown
    },
  })
}
