import { types } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { hasState, isPlain, objectsIn } from './objects-in.js'

export type Copier = <V>(value: V) => V

/**
 * Makes copies of a value: `structuredClone`, unless the value holds a Buffer. Of that it would
 * make a Uint8Array. V8's serialization keeps Buffers, and is slower.
 *
 * @throws {TypeError} where the value holds an instance of a class that a copy would lose.
 */
export function copierOf(value: unknown): Copier {
  const objects = [...objectsIn(value)]
  if (!objects.every(isCopied))
    throw new TypeError('The value holds instances of classes, which a copy would lose.')
  return objects.some((one) => Buffer.isBuffer(one)) ? serialized : structuredClone
}

function isCopied(one: object): boolean {
  return (
    isPlain(one) ||
    hasState(one) ||
    types.isRegExp(one) ||
    types.isNativeError(one) ||
    types.isBoxedPrimitive(one)
  )
}

function serialized<V>(value: V): V {
  return deserialize(serialize(value)) as V
}
