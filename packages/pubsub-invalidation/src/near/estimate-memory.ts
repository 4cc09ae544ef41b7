import { types } from 'node:util'

/**
 * Estimates the memory that a decoded value takes, in bytes. Counts strings, numbers and bytes, the
 * objects that contain them (each object once), and the names of properties (each name once). Stops
 * at `maxBytes`.
 */
export function estimateMemory(value: unknown, maxBytes: number): number {
  const counted = new Set<object>()
  const names = new Set<string>()
  const pending: unknown[] = [value]
  let bytes = 0
  const add = (part: unknown): void => {
    if (typeof part === 'object' && part !== null) pending.push(part)
    else bytes += memoryOfPrimitive(part)
  }
  while (pending.length > 0 && bytes < maxBytes) {
    const next = pending.pop()
    if (typeof next !== 'object' || next === null) bytes += memoryOfPrimitive(next)
    else if (!counted.has(next)) {
      counted.add(next)
      bytes += OBJECT
      if (ArrayBuffer.isView(next) || types.isAnyArrayBuffer(next)) {
        bytes += next.byteLength
        continue
      }
      if (Array.isArray(next)) {
        for (let i = 0; i < next.length && bytes < maxBytes; i++) {
          bytes += SLOT
          add(next[i])
        }
        continue
      }
      if (types.isMap(next))
        for (const [key, item] of next) {
          bytes += 4 * SLOT
          add(key)
          add(item)
        }
      if (types.isSet(next))
        for (const item of next) {
          bytes += 3 * SLOT
          add(item)
        }
      for (const name of Object.keys(next)) {
        bytes += SLOT
        if (!names.has(name)) bytes += NAME + name.length
        names.add(name)
        add((next as Record<string, unknown>)[name])
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

/** A string with such a character takes two bytes for each of its characters. */
const IS_WIDE = /[^\0-\xff]/
const OBJECT = 32
const SLOT = 8
const STRING = 16
/** A property name, and what V8 stores to find it. */
const NAME = 64
const NUMBER = 16
