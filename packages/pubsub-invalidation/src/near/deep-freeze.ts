import { types } from 'node:util'

/**
 * Freezes a value all the way down: arrays, plain objects, and the fields of instances of classes. Returns `false`, with nothing frozen,
 * where it holds a Map, a Set, a Date, or bytes: they can't be frozen, but copied.
 *
 * @throws {TypeError} where there are instances of other classes besides, which a copy would lose.
 */
export function deepFreeze(value: unknown): boolean {
  const found = new Set<object>()
  const open = [value]
  let classes = false
  let unfreezable = false
  while (open.length > 0) {
    const one = open.pop()
    if (typeof one !== 'object' || one === null || found.has(one)) continue
    found.add(one)
    if (hasState(one)) unfreezable = true
    else if (!isPlain(one)) classes = true
    for (const part of partsOf(one)) open.push(part)
  }
  if (unfreezable && classes) throw new TypeError('The value holds instances of classes beside a Map, a Set, a Date or bytes: it can neither be frozen nor copied.')
  if (unfreezable) return false
  for (const one of found) Object.freeze(one)
  return true
}

/** Where freezing an object leaves its contents as they were, or can't be done. */
function hasState(one: object): boolean {
  return types.isMap(one) || types.isSet(one) || types.isDate(one) || ArrayBuffer.isView(one) || types.isAnyArrayBuffer(one)
}

function isPlain(one: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(one)
  return prototype === Object.prototype || prototype === null || Array.isArray(one)
}

function partsOf(one: object): Iterable<unknown> {
  if (ArrayBuffer.isView(one)) return []
  if (types.isMap(one)) return [...one.keys(), ...one.values(), ...Object.values(one)]
  if (types.isSet(one)) return [...one, ...Object.values(one)]
  return Array.isArray(one) ? one : Object.values(one)
}
