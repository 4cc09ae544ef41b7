import { limitTo } from '../util/concurrency.js'
import type { OptionChecks } from '../util/options.js'
import type { CallOptions, ReadsById } from './by-id.js'
import type { LoadContext } from './loader.js'
import type { LoadMany } from './many.js'

/**
 * Where a cache loads from. `Loaded`: a value, or the `null` or `undefined` that says there is
 * none.
 */
export interface SourceOptions<Loaded, Id> {
  /** Loads one value; `null` or `undefined`: there is none. */
  readonly load: (id: Id, context: LoadContext<NonNullable<Loaded>>) => Loaded | Promise<Loaded>
  /** Loads many at once, for `getMany`. Default: `load` for each. */
  readonly loadMany?: LoadMany<NonNullable<Loaded>, Id>
  /**
   * How many calls of `load` one `getMany` has under way, where there is no `loadMany`. Default 10.
   */
  readonly concurrency?: number
}

/** The names of these options, for `checkOptions`. */
export const sourceOptions = ['load', 'loadMany', 'concurrency'] as const

/** Reads that load by themselves what is missing. */
export interface SourceReads<Loaded, Id> {
  get(id: Id, call?: CallOptions): Promise<Loaded>
  /** The values in the order of `ids`. */
  getMany(
    ids: readonly Id[],
    call?: CallOptions,
  ): Promise<(NonNullable<Loaded> | null | undefined)[]>
}

/**
 * Reads by id that load by themselves, by the options `load`, `loadMany` and `concurrency`. For
 * packages of patterns.
 */
export function readThrough<Loaded, Id>(
  reads: ReadsById<NonNullable<Loaded>, Id>,
  check: OptionChecks,
): SourceReads<Loaded, Id> {
  // To the compiler `Loaded` might be more than its value and its nothing.
  const load = check.function<
    (
      id: Id,
      context: LoadContext<NonNullable<Loaded>>,
    ) => Promise<NonNullable<Loaded> | null | undefined>
  >('load', 'required')
  const loadMany = check.function<LoadMany<NonNullable<Loaded>, Id>>('loadMany')
  const limited = limitTo(check.number('concurrency', { min: 1, integer: true }, 10))
  const loadEach: LoadMany<NonNullable<Loaded>, Id> = (ids, { contexts }) =>
    ids.map((id, i) => limited(() => load(id, contexts[i]!)))
  return {
    get: (id, call) => reads.one(id, (context) => load(id, context), call) as Promise<Loaded>,
    getMany: (ids, call) => reads.many(ids, loadMany ?? loadEach, call),
  }
}
