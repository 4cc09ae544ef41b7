/**
 * A map whose entries live for a moment, such as the loads that are under way.
 *
 * When a `Map` of V8 makes room, its old table keeps the entries that it had, and refers to the new
 * table. Once one of these tables is among the old objects, each later table becomes old as well,
 * with all that its entries refer to. So each entry is held by a slot, which `delete` empties.
 */
export class ShortLivedMap<V extends object> {
  #slots = new Map<string, Slot<V>>()

  get size(): number {
    return this.#slots.size
  }

  get(key: string): V | undefined {
    return this.#slots.get(key)?.value
  }

  set(key: string, value: V): void {
    const slot = this.#slots.get(key)
    if (slot) slot.value = value
    else this.#slots.set(key, new Slot(value))
  }

  delete(key: string): void {
    const slot = this.#slots.get(key)
    if (!slot) return
    slot.value = undefined
    this.#slots.delete(key)
  }

  clear(): void {
    for (const slot of this.#slots.values()) slot.value = undefined
    this.#slots = new Map()
  }
}

class Slot<V extends object> {
  value: V | undefined

  constructor(value: V) {
    this.value = value
  }
}
