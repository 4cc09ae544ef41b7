import { types } from 'node:util'

/**
 * All objects that a value is made of: itself, and what its properties, elements, keys and members
 * hold.
 */
export function objectsIn(value: unknown): ReadonlySet<object> {
  const found = new Set<object>()
  const open = [value]
  while (open.length > 0) {
    const one = open.pop()
    if (typeof one !== 'object' || one === null || found.has(one)) continue
    found.add(one)
    for (const part of partsOf(one)) open.push(part)
  }
  return found
}

/** Where freezing an object leaves its contents as they were, or can't be done. */
export function hasState(one: object): boolean {
  return (
    types.isMap(one) ||
    types.isSet(one) ||
    types.isDate(one) ||
    ArrayBuffer.isView(one) ||
    types.isAnyArrayBuffer(one)
  )
}

export function isPlain(one: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(one)
  return prototype === Object.prototype || prototype === null || Array.isArray(one)
}

function partsOf(one: object): Iterable<unknown> {
  if (ArrayBuffer.isView(one)) return []
  if (types.isMap(one)) return [...one.keys(), ...one.values(), ...Object.values(one)]
  if (types.isSet(one)) return [...one, ...Object.values(one)]
  return Array.isArray(one) ? one : Object.values(one)
}
