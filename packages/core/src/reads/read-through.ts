import { limitTo } from '../util/concurrency.js'
import type { OptionChecks } from '../util/options.js'
import type { CallOptions, ReadsById } from './by-id.js'
import type { LoadContext } from './loader.js'
import type { LoadMany } from './many.js'

/**
 * The options of a cache that loads from a source. `Loaded` is a value, or `null` or `undefined` if
 * the source has none.
 */
export interface SourceOptions<Loaded, Id> {
  /** Loads one value. Return `null` or `undefined` if there is none. */
  readonly load: (id: Id, context: LoadContext<NonNullable<Loaded>>) => Loaded | Promise<Loaded>
  /**
   * Loads many values at once, for `getMany` and for calls of `get` in one tick. Default: calls
   * `load` for each.
   */
  readonly loadMany?: LoadMany<NonNullable<Loaded>, Id>
  /**
   * The maximum number of concurrent calls of `load` in one `getMany`, if there is no `loadMany`.
   * Default 10.
   */
  readonly concurrency?: number
}

/** The names of these options, for `checkOptions`. */
export const sourceOptions = ['load', 'loadMany', 'concurrency'] as const

/** Reads that load missing values from the source. */
export interface SourceReads<Loaded, Id> {
  get(id: Id, call?: CallOptions): Promise<Loaded>
  /** Resolves to the values in the order of `ids`. */
  getMany(
    ids: readonly Id[],
    call?: CallOptions,
  ): Promise<(NonNullable<Loaded> | null | undefined)[]>
}

/** Returns the option `load`. For packages of patterns. */
export function sourceLoader<Loaded, Id>(
  check: OptionChecks,
): (
  id: Id,
  context: LoadContext<NonNullable<Loaded>>,
) => Promise<NonNullable<Loaded> | null | undefined> {
  // The compiler can't know that `Loaded` is no more than a value, `null` and `undefined`.
  return check.function('load', 'required')
}

/**
 * Creates reads that load missing values with the options `load`, `loadMany` and `concurrency`. For
 * packages of patterns.
 */
export function readThrough<Loaded, Id>(
  reads: ReadsById<NonNullable<Loaded>, Id>,
  check: OptionChecks,
): SourceReads<Loaded, Id> {
  const load = sourceLoader<Loaded, Id>(check)
  const loadMany = check.function<LoadMany<NonNullable<Loaded>, Id>>('loadMany')
  const limited = limitTo(check.number('concurrency', { min: 1, integer: true }, 10))
  const loadEach: LoadMany<NonNullable<Loaded>, Id> = (ids, { contexts }) =>
    ids.map((id, i) => limited(() => load(id, contexts[i]!)))
  const one = loadMany
    ? reads.together(load, loadMany)
    : (id: Id, call?: CallOptions) => reads.one(id, (context) => load(id, context), call)
  return {
    get: (id, call) => one(id, call) as Promise<Loaded>,
    getMany: (ids, call) => reads.many(ids, loadMany ?? loadEach, call),
  }
}
