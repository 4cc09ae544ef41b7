import { hasInternalState, isCopyable, objectsIn } from './objects-in.js'

/**
 * Freezes a value deeply: arrays, plain objects, and the fields of instances of classes. If the
 * value contains a Map, a Set, a Date, a RegExp, a URL or bytes, it freezes nothing and returns
 * `false`: these can be copied but not frozen.
 *
 * @throws {TypeError} if the value also contains instances of other classes, which a copy would
 * lose.
 */
export function deepFreeze(value: unknown): boolean {
  const objects = objectsIn(value)
  let hasInstances = false
  let hasUnfreezable = false
  for (const object of objects) {
    if (hasInternalState(object)) hasUnfreezable = true
    else if (!isCopyable(object)) hasInstances = true
  }
  if (hasUnfreezable && hasInstances)
    throw new TypeError(
      'The value contains instances of classes beside a Map, a Set, a Date, a RegExp, a URL or ' +
        'bytes: it can neither be frozen nor copied.',
    )
  if (hasUnfreezable) return false
  for (const object of objects) Object.freeze(object)
  return true
}
