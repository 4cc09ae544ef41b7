import { CacheError } from '../errors.js'
import type { BulkContext } from './bulk-load.js'
import type { LoaderResult } from './loader.js'

/**
 * The values that a loader of many ids returns: an array in the order of the ids it was given, or a
 * `Map` from id to value. A value may be a promise, so that it can fail without the others.
 */
export type Many<T, Id> = readonly LoaderResult<T>[] | ReadonlyMap<Id, LoaderResult<T>>

/** Loads the values of many ids in one call. */
export type LoadMany<T, Id> = (
  missing: readonly Id[],
  context: BulkContext<T>,
) => Many<T, Id> | Promise<Many<T, Id>>

/**
 * Returns the loaded values in the order of `ids`.
 *
 * @throws {CacheError} if the loader returned an array of another length. It would give ids each
 * other's values.
 */
export function valuesInOrder<T, Id>(
  values: Many<T, Id>,
  ids: readonly Id[],
): readonly LoaderResult<T>[] {
  if (values instanceof Map) {
    ignoreRejections(values.values())
    return ids.map((id) => values.get(id))
  }
  if (Array.isArray(values) && values.length === ids.length)
    return values as readonly LoaderResult<T>[]
  if (Array.isArray(values)) ignoreRejections(values)
  const returned = Array.isArray(values) ? `an array of ${values.length}` : typeof values
  const advice =
    'Return an array in the order of the ids (undefined where there is none), ' +
    'or a Map from id to value.'
  throw new CacheError(
    `The loader was asked for ${ids.length} ids and answered with ${returned}. ${advice}`,
    { code: 'LOADER' },
  )
}

/** Nobody may wait for these promises: a rejection must not be unhandled. */
function ignoreRejections(values: Iterable<unknown>): void {
  for (const value of values) if (value instanceof Promise) value.catch(() => undefined)
}
