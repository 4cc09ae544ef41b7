import { types } from 'node:util'
import {
  ERRORS,
  HIDDEN_ERROR_PROPERTIES,
  isTag,
  MAX_DECIMAL_BITS,
  MAX_DEPTH,
  VIEWS,
} from './json-tags.js'
import {
  hasSymbols,
  hasToJSON,
  isEnumerable,
  isObjectPrototype,
  isPlainArray,
  isPlainObject,
} from './plain-json.js'
import { Member, ValuePath } from './value-path.js'
import { errorWithoutMessage } from '../util/redact.js'

/** Why a value cannot be kept. The message begins with the path to the part that is at fault. */
export class UnkeepableError extends Error {}

/** Thrown if a value has more parts than its text may have bytes. */
export class TooManyPartsError extends Error {}

/**
 * Returns a copy of a value that consists of JSON and tags.
 *
 * @param maxParts How many parts the value may have. Objects that occur at several places count at
 * each of them.
 * @throws {UnkeepableError} if a part of the value cannot be kept.
 * @throws {TooManyPartsError}
 */
export function tagValue(value: unknown, maxParts: number): unknown {
  return new Tagger(maxParts).tag(value)
}

class Tagger {
  readonly #path = new ValuePath()
  /** The objects that contain the current part. */
  readonly #ancestors = new Set<object>()
  #remaining: number

  constructor(maxParts: number) {
    this.#remaining = maxParts
  }

  tag(value: unknown): unknown {
    if (--this.#remaining < 0) throw new TooManyPartsError()
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : { $number: Object.is(value, -0) ? '-0' : String(value) }
      case 'undefined':
        return { $undefined: true }
      case 'bigint':
        return { $bigint: digitsOf(value) }
      case 'object':
        return value === null ? null : this.#container(value)
      default:
        throw this.#refusal(`is a ${typeof value}`)
    }
  }

  #container(object: object): unknown {
    if (this.#ancestors.has(object)) throw this.#refusal('contains itself')
    if (this.#path.depth >= MAX_DEPTH) throw this.#refusal(`is nested more than ${MAX_DEPTH} deep`)
    if (hasSymbols(object)) throw this.#refusal('has a property whose name is a symbol')
    this.#ancestors.add(object)
    const tagged = this.#object(object)
    this.#ancestors.delete(object)
    return tagged
  }

  #object(object: object): unknown {
    if (Array.isArray(object)) {
      if (!isPlainArray(object) || hasToJSON(object)) throw this.#instance(object)
      return this.#array(object)
    }
    if (isPlainObject(object)) {
      const names = Object.keys(object)
      const properties = this.#properties(object, names)
      return isTag(names) ? { $object: properties } : properties
    }
    const tagged = this.#builtIn(object)
    if (tagged === undefined) throw this.#instance(object)
    return tagged
  }

  #array(array: readonly unknown[]): unknown[] {
    const names = Object.keys(array)
    const last = names.at(-1)
    if (last !== undefined && !isIndex(last))
      throw this.#refusal('is an array that has properties with names')
    // An array may have far more holes than elements.
    this.#remaining -= array.length - names.length
    if (this.#remaining < 0) throw new TooManyPartsError()
    const copy: unknown[] = []
    for (let i = 0; i < array.length; i++)
      copy.push(Object.hasOwn(array, i) ? this.#part(i, array[i]) : { $hole: true })
    return copy
  }

  #properties(object: object, names: readonly string[]): object {
    const copy: Record<string, unknown> = {}
    for (const name of names) {
      const value = this.#part(name, this.#read(object, name))
      if (name === '__proto__') defineOwn(copy, name, value)
      else copy[name] = value
    }
    return copy
  }

  #read(object: object, name: string): unknown {
    try {
      return (object as Readonly<Record<string, unknown>>)[name]
    } catch (cause) {
      this.#path.push(name)
      throw this.#refusal('has a getter that threw', cause)
    }
  }

  #part(step: string | number | Member, value: unknown): unknown {
    this.#path.push(step)
    const tagged = this.tag(value)
    this.#path.pop()
    return tagged
  }

  /** Returns the tag of an instance of a built-in class, or `undefined` for other objects. */
  #builtIn(object: object): object | undefined {
    if (types.isNativeError(object)) return this.#error(object)
    if (ArrayBuffer.isView(object) || types.isArrayBuffer(object)) return this.#bytes(object)
    // The prototype of a class that extends a built-in class is further away.
    const prototype = Object.getPrototypeOf(object) as object
    const parent = Object.getPrototypeOf(prototype) as object | null
    if (parent === null || !isObjectPrototype(parent)) return undefined
    const tagged = this.#simpleBuiltIn(object)
    if (tagged === undefined) return undefined
    if (Object.keys(object).length > 0)
      throw this.#refusal(`is a ${classOf(object)} that has properties`)
    return tagged
  }

  #simpleBuiltIn(object: object): object | undefined {
    if (types.isDate(object)) {
      const isValid = !Number.isNaN(object.getTime())
      return { $date: isValid ? object.toISOString() : null }
    }
    if (types.isMap(object))
      return {
        $map: Array.from(object, ([key, value], i) => [
          this.#part(new Member('key', i), key),
          this.#part(new Member('value', i), value),
        ]),
      }
    if (types.isSet(object))
      return {
        $set: Array.from(object, (member, i) => this.#part(new Member('member', i), member)),
      }
    if (types.isRegExp(object)) return { $regexp: [object.source, object.flags] }
    if (object instanceof URL) return { $url: object.href }
    return undefined
  }

  /**
   * Copies only the bytes of a view: the ArrayBuffer below it may have others, also secret
   * ones.
   */
  #bytes(object: ArrayBufferView | ArrayBuffer): object | undefined {
    const name = bytesTypeOf(object)
    if (name === undefined) return undefined
    const bytes = ArrayBuffer.isView(object)
      ? Buffer.from(object.buffer, object.byteOffset, object.byteLength)
      : Buffer.from(object)
    return { $bytes: [name, bytes.toString('base64')] }
  }

  #error(error: Error): object | undefined {
    const name = errorTypeOf(error)
    if (name === undefined) return undefined
    const hidden = HIDDEN_ERROR_PROPERTIES.filter(
      (property) => Object.hasOwn(error, property) && !isEnumerable(error, property),
    )
    return {
      $error: [name, this.#properties(error, hidden), this.#properties(error, Object.keys(error))],
    }
  }

  #instance(object: object): UnkeepableError {
    const type = classOf(object)
    if (typeof (object as { readonly then?: unknown }).then === 'function')
      return this.#refusal(`is an instance of ${type}, which must be awaited first`)
    return this.#refusal(
      `is an instance of ${type}; replace it with a plain object or a text` +
        (hasToJSON(object) ? ', such as the result of its toJSON()' : ''),
    )
  }

  #refusal(problem: string, cause?: unknown): UnkeepableError {
    return new UnkeepableError(`${String(this.#path)} ${problem}`, {
      cause: errorWithoutMessage(cause),
    })
  }
}

function defineOwn(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true })
}

/** Tells the names of elements from other names, which come after them. */
function isIndex(name: string): boolean {
  return /^\d+$/.test(name) && Number(name) < 2 ** 32 - 1 && String(Number(name)) === name
}

function digitsOf(value: bigint): string {
  if (BigInt.asIntN(MAX_DECIMAL_BITS, value) === value) return String(value)
  return value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`
}

/** Returns the name of a class if it is an ordinary one, since the message shows it. */
function classOf(object: object): string {
  const { constructor } = object as { readonly constructor?: unknown }
  const name = typeof constructor === 'function' ? constructor.name : ''
  return /^[\w$]{1,64}$/.test(name) ? name : 'a class'
}

/**
 * Returns the name of a built-in error class, of any realm. Only the prototypes of these have a
 * `message`.
 */
function errorTypeOf(error: Error): string | undefined {
  const prototype = Object.getPrototypeOf(error) as Error
  const name = prototype.constructor.name
  return ERRORS.has(name) && Object.hasOwn(prototype, 'message') ? name : undefined
}

/** Returns the name of a built-in class of bytes, of any realm. */
function bytesTypeOf(object: ArrayBufferView | ArrayBuffer): string | undefined {
  const prototype = Object.getPrototypeOf(object) as object
  if (prototype === Buffer.prototype) return 'Buffer'
  const name = prototype.constructor.name
  if (VIEWS.has(name) && Object.hasOwn(prototype, 'BYTES_PER_ELEMENT')) return name
  const isBuiltIn = isObjectPrototype(Object.getPrototypeOf(prototype) as object)
  return isBuiltIn && (name === 'DataView' || name === 'ArrayBuffer') ? name : undefined
}
