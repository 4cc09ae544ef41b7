/** A handle that `add` returns, for `delete`. */
export class Handle<T> {
  readonly item: T
  /** The position in the list, which the list maintains. */
  index: number

  constructor(item: T, index: number) {
    this.item = item
    this.index = index
  }
}

/**
 * An unordered collection with O(1) insert and delete. Under churn, a `Set` rehashes and keeps
 * young objects alive; this does not.
 */
export class SwapList<T> implements Iterable<T> {
  readonly #handles: Handle<T>[] = []

  get size(): number {
    return this.#handles.length
  }

  get handles(): readonly Handle<T>[] {
    return this.#handles
  }

  add(item: T): Handle<T> {
    const handle = new Handle(item, this.#handles.length)
    this.#handles.push(handle)
    return handle
  }

  /** Removes an item. Returns whether it was in the list. */
  delete(handle: Handle<T>): boolean {
    if (this.#handles[handle.index] !== handle) return false
    const last = this.#handles.pop()!
    if (last !== handle) {
      this.#handles[handle.index] = last
      last.index = handle.index
    }
    return true
  }

  /** Iterates over the items that are in the list now, even if the list changes in the meantime. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#handles.map(({ item }) => item)[Symbol.iterator]()
  }
}
