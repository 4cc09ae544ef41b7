/**
 * Items that belong to owners. An item is forgotten when nobody uses its owner any more, so no item
 * may refer to its owner.
 */
export class OwnedItems<Item extends object> {
  readonly #owners = new Map<Item, WeakRef<object>>()
  readonly #collected = new FinalizationRegistry<WeakRef<Item>>((ref) => {
    const item = ref.deref()
    if (item) this.#owners.delete(item)
  })

  /** Adds an item. Returns a function that removes it. */
  add(owner: object, item: Item): () => void {
    this.#owners.set(item, new WeakRef(owner))
    this.#collected.register(owner, new WeakRef(item))
    return () => void this.#owners.delete(item)
  }

  /** Returns the items whose owners are in use, with the owners. */
  all(): readonly (readonly [item: Item, owner: object])[] {
    return [...this.#owners].flatMap(([item, ref]) => {
      const owner = ref.deref()
      return owner ? [[item, owner] as const] : []
    })
  }

  clear(): void {
    this.#owners.clear()
  }
}
