import { types } from 'node:util'
import { json } from '@cache/core'
import { builtinModule, lazy } from '@cache/core/internal'
import { isCopyable, objectsIn } from './objects-in.js'

export type Copier = <V>(value: V) => V

/**
 * Returns a function that copies a value. It is `structuredClone`, unless that would change the
 * value:
 *
 * - A URL cannot be cloned, and the clone of an error has no fields. Such values are copied through
 *   the codec `json`.
 * - The clone of a Buffer is a Uint8Array. Such values are copied by V8's serialization, which is
 *   slower.
 *
 * @throws {TypeError} if the value contains an instance of a class, which a copy would lose.
 */
export function copierOf(value: unknown): Copier {
  const objects = [...objectsIn(value)]
  if (!objects.every(isCopyable))
    throw new TypeError('The value contains instances of classes, which a copy would lose.')
  if (objects.some((object) => types.isNativeError(object) || object instanceof URL))
    return copyByJson
  return objects.some((object) => Buffer.isBuffer(object)) ? copyBySerialization : structuredClone
}

function copyByJson<V>(value: V): V {
  const context = { key: 'a cached value', maxValueBytes: Infinity }
  return json.decode(Buffer.from(json.encode(value, context)), context) as V
}

function copyBySerialization<V>(value: V): V {
  const { deserialize, serialize } = v8()
  return deserialize(serialize(value)) as V
}

const v8 = /* @__PURE__ */ lazy(() => builtinModule('node:v8'))
