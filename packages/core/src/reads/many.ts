import { CacheError } from '../errors.js'
import type { BulkContext } from './bulk-load.js'

/**
 * What a loader of many answers with: an array in the order of the ids it was given, or a `Map`
 * from id to value.
 */
export type Many<T, Id> = readonly One<T>[] | ReadonlyMap<Id, One<T>>

/** A value, or the promise of one: then it may fail by itself. */
type One<T> = T | null | undefined | Promise<T | null | undefined>

export type LoadMany<T, Id> = (
  missing: readonly Id[],
  context: BulkContext<T>,
) => Many<T, Id> | Promise<Many<T, Id>>

/**
 * The answers in the order of `ids`. An array of another length would give ids each other's values,
 * so it is refused.
 */
export function answersOf<T, Id>(answers: Many<T, Id>, ids: readonly Id[]): readonly One<T>[] {
  if (answers instanceof Map) {
    heard(answers.values())
    return ids.map((id) => answers.get(id))
  }
  if (Array.isArray(answers) && answers.length === ids.length) return answers as readonly One<T>[]
  if (Array.isArray(answers)) heard(answers)
  const got = Array.isArray(answers) ? `an array of ${answers.length}` : typeof answers
  throw new CacheError(
    `The loader was asked for ${ids.length} ids and answered with ${got}. Return an array in the order of the ids (undefined where there is none), or a Map from id to value.`,
    { code: 'LOADER' },
  )
}

/** Promises that nobody may wait for: their rejections are not unhandled. */
function heard(values: Iterable<unknown>): void {
  for (const value of values) if (value instanceof Promise) value.catch(() => undefined)
}
