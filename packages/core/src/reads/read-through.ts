import { limitTo } from '../util/concurrency.js'
import { functionOption, numberOption, required, type OptionTable } from '../util/options.js'
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

/** The rows of `SourceOptions`. */
export const sourceOptions = {
  load: functionOption(required),
  loadMany: functionOption(),
  concurrency: numberOption({ min: 1, integer: true }, 10),
} satisfies OptionTable<SourceOptions<unknown, unknown>>

/** Reads that load missing values from the source. */
export interface SourceReads<Loaded, Id> {
  get(id: Id, call?: CallOptions): Promise<Loaded>
  /** Resolves to the values in the order of `ids`. */
  getMany(
    ids: readonly Id[],
    call?: CallOptions,
  ): Promise<(NonNullable<Loaded> | null | undefined)[]>
}

/** A loader of one value, as the read path calls it. */
export type SourceLoader<T, Id> = (id: Id, context: LoadContext<T>) => Promise<T | null | undefined>

/** Returns the option `load` as the read path calls it. For packages of patterns. */
export function sourceLoader<Loaded, Id>({
  load,
}: Pick<SourceOptions<Loaded, Id>, 'load'>): SourceLoader<NonNullable<Loaded>, Id> {
  // The compiler can't know that `Loaded` is no more than a value, `null` and `undefined`.
  return load as SourceLoader<NonNullable<Loaded>, Id>
}

/**
 * Creates reads that load missing values with the options `load`, `loadMany` and `concurrency`. For
 * packages of patterns.
 */
export function readThrough<Loaded, Id>(
  reads: ReadsById<NonNullable<Loaded>, Id>,
  options: Pick<SourceOptions<Loaded, Id>, 'load'> & {
    readonly loadMany: SourceOptions<Loaded, Id>['loadMany'] | undefined
    readonly concurrency: number
  },
): SourceReads<Loaded, Id> {
  const { loadMany } = options
  const load = sourceLoader<Loaded, Id>(options)
  const limited = limitTo(options.concurrency)
  const loadEach: LoadMany<NonNullable<Loaded>, Id> = (ids, { contexts }) =>
    ids.map((id, i) => limited(() => load(id, contexts[i]!)))
  const one = loadMany ? reads.together(load, loadMany) : reads.each(load)
  return {
    get: one as SourceReads<Loaded, Id>['get'],
    getMany: (ids, call) => reads.many(ids, loadMany ?? loadEach, call),
  }
}
