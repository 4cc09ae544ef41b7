import { types } from 'node:util'

/**
 * About how many bytes a decoded value takes in memory: strings, numbers, bytes, and what holds
 * them, each object once, and each name of properties once. It stops once it has counted `most`.
 */
export function memoryOf(value: unknown, most: number): number {
  const found = new Set<object>()
  const names = new Set<string>()
  const open: unknown[] = [value]
  let bytes = 0
  const add = (part: unknown): void => {
    if (typeof part === 'object' && part !== null) open.push(part)
    else bytes += memoryOfPrimitive(part)
  }
  while (open.length > 0 && bytes < most) {
    const one = open.pop()
    if (typeof one !== 'object' || one === null) bytes += memoryOfPrimitive(one)
    else if (!found.has(one)) {
      found.add(one)
      bytes += OBJECT
      if (ArrayBuffer.isView(one) || types.isAnyArrayBuffer(one)) {
        bytes += one.byteLength
        continue
      }
      if (Array.isArray(one)) {
        for (let i = 0; i < one.length && bytes < most; i++) {
          bytes += SLOT
          add(one[i])
        }
        continue
      }
      if (types.isMap(one))
        for (const [key, item] of one) {
          bytes += 4 * SLOT
          add(key)
          add(item)
        }
      if (types.isSet(one))
        for (const item of one) {
          bytes += 3 * SLOT
          add(item)
        }
      for (const name of Object.keys(one)) {
        bytes += SLOT
        if (!names.has(name)) bytes += NAME + name.length
        names.add(name)
        add((one as Record<string, unknown>)[name])
      }
    }
  }
  return bytes
}

function memoryOfPrimitive(value: unknown): number {
  if (typeof value === 'string') return STRING + (IS_WIDE.test(value) ? 2 : 1) * value.length
  if (typeof value === 'bigint') return OBJECT + value.toString(16).length / 2
  return typeof value === 'number' && !Number.isInteger(value) ? NUMBER : 0
}

/** Strings with such a character take two bytes for each. */
const IS_WIDE = /[^\0-\xff]/
const OBJECT = 32
const SLOT = 8
const STRING = 16
/** A name and what V8 keeps to find it. */
const NAME = 64
const NUMBER = 16
