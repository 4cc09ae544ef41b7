import { types } from 'node:util'

/**
 * Returns all objects that a value consists of: the value itself, and all objects in its
 * properties, elements, keys and members.
 */
export function objectsIn(value: unknown): ReadonlySet<object> {
  const objects = new Set<object>()
  const pending = [value]
  while (pending.length > 0) {
    const next = pending.pop()
    if (typeof next !== 'object' || next === null || objects.has(next)) continue
    objects.add(next)
    for (const part of partsOf(next)) pending.push(part)
  }
  return objects
}

/** Whether freezing the object fails, or leaves its contents changeable. */
export function hasInternalState(object: object): boolean {
  return (
    types.isMap(object) ||
    types.isSet(object) ||
    types.isDate(object) ||
    types.isRegExp(object) ||
    object instanceof URL ||
    ArrayBuffer.isView(object) ||
    types.isAnyArrayBuffer(object)
  )
}

/** Whether a copier can copy the object: it is not an instance of a class of somebody else. */
export function isCopyable(object: object): boolean {
  return (
    isPlain(object) ||
    hasInternalState(object) ||
    types.isNativeError(object) ||
    types.isBoxedPrimitive(object)
  )
}

/** Whether the object is an array or a plain object. */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object)
  return prototype === Object.prototype || prototype === null || Array.isArray(object)
}

function partsOf(object: object): Iterable<unknown> {
  if (ArrayBuffer.isView(object)) return []
  if (types.isMap(object)) return [...object.keys(), ...object.values(), ...Object.values(object)]
  if (types.isSet(object)) return [...object, ...Object.values(object)]
  if (types.isNativeError(object)) {
    const { cause, errors } = object as { readonly cause?: unknown; readonly errors?: unknown }
    return [cause, errors, ...Object.values(object)]
  }
  return Array.isArray(object) ? object : Object.values(object)
}
