import { types } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { hasInternalState, isPlain, objectsIn } from './objects-in.js'

export type Copier = <V>(value: V) => V

/**
 * Returns a function that copies a value: `structuredClone`, unless the value contains a Buffer,
 * which `structuredClone` would turn into a Uint8Array. V8's serialization preserves Buffers but is
 * slower.
 *
 * @throws {TypeError} if the value contains an instance of a class, which a copy would lose.
 */
export function copierOf(value: unknown): Copier {
  const objects = [...objectsIn(value)]
  if (!objects.every(isCopyable))
    throw new TypeError('The value contains instances of classes, which a copy would lose.')
  return objects.some((object) => Buffer.isBuffer(object)) ? copyBySerialization : structuredClone
}

function isCopyable(object: object): boolean {
  return (
    isPlain(object) ||
    hasInternalState(object) ||
    types.isRegExp(object) ||
    types.isNativeError(object) ||
    types.isBoxedPrimitive(object)
  )
}

function copyBySerialization<V>(value: V): V {
  return deserialize(serialize(value)) as V
}
