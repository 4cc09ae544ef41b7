import { hasState, isPlain, objectsIn } from './objects-in.js'

/**
 * Freezes a value all the way down: arrays, plain objects, and the fields of instances of classes.
 * Returns `false`, with nothing frozen, where it holds a Map, a Set, a Date, or bytes: they can't
 * be frozen, but copied.
 *
 * @throws {TypeError} where there are instances of other classes besides, which a copy would lose.
 */
export function deepFreeze(value: unknown): boolean {
  const found = objectsIn(value)
  let classes = false
  let unfreezable = false
  for (const one of found) {
    if (hasState(one)) unfreezable = true
    else if (!isPlain(one)) classes = true
  }
  if (unfreezable && classes)
    throw new TypeError(
      'The value holds instances of classes beside a Map, a Set, a Date or bytes: it can neither be frozen nor copied.',
    )
  if (unfreezable) return false
  for (const one of found) Object.freeze(one)
  return true
}
