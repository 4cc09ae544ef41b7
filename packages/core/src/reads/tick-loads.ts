import { BulkLoad, type BulkContext } from './bulk-load.js'
import type { Loader, LoaderResult } from './loader.js'

/** Loads the values of ids. Resolves to them in the order of the ids. */
export type LoadIds<T, Id> = (
  ids: readonly Id[],
  context: BulkContext<T>,
) => Promise<readonly LoaderResult<T>[]>

/** The part of one read in the load of its tick. */
export interface TickMember<T> {
  readonly load: Loader<T>
  /** Call it once it is known whether the key of this read is loaded here and now. */
  readonly onDecided: () => void
}

/**
 * Combines the loads of single reads that begin in one tick, including its promise jobs. Each key
 * keeps its own lease, error and signal.
 */
export class TickLoads<T, Id> {
  readonly #loadIds: LoadIds<T, Id>
  #current: { readonly bulk: BulkLoad<T>; readonly ids: Map<string, Id> } | undefined

  constructor(loadIds: LoadIds<T, Id>) {
    this.#loadIds = loadIds
  }

  /** Adds a read to the current tick. Returns `undefined` if the tick already has its key. */
  join(key: string, id: Id): TickMember<T> | undefined {
    const { bulk, ids } = (this.#current ??= this.#open())
    if (ids.has(key)) return undefined
    ids.set(key, id)
    bulk.add(key)
    return { load: bulk.loader(key), onDecided: () => bulk.doNotWaitFor(key) }
  }

  #open(): { readonly bulk: BulkLoad<T>; readonly ids: Map<string, Id> } {
    const ids = new Map<string, Id>()
    const bulk = new BulkLoad<T>([], (keys, context) =>
      this.#loadIds(
        keys.map((key) => ids.get(key)!),
        context,
      ),
    )
    // The tick counts as a key that is undecided until it ends, after its promise jobs.
    bulk.add(TICK)
    void Promise.resolve().then(() =>
      process.nextTick(() => {
        this.#current = undefined
        bulk.doNotWaitFor(TICK)
      }),
    )
    return { bulk, ids }
  }
}

/** No key is empty. */
const TICK = ''
