import { inspect } from 'node:util'

/**
 * All that printing a value can show, as text to search for what must not be in it: what
 * `util.inspect` and `JSON.stringify` make of it, and every property of its own that can be
 * reached, hidden ones, messages, stacks and the text of Buffers among them.
 *
 * @example expect(everythingShown(error)).not.toContain('hunter2')
 */
export function everythingShown(value: unknown): string {
  const parts = [
    inspect(value, {
      depth: Infinity,
      showHidden: true,
      maxStringLength: Infinity,
      maxArrayLength: Infinity,
    }),
    asJson(value),
  ]
  gather(value, parts, new Set())
  return parts.join('\n')
}

function asJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return '' // a cycle
  }
}

function gather(value: unknown, parts: string[], seen: Set<unknown>): void {
  if (typeof value === 'string') parts.push(value)
  if (
    (typeof value !== 'object' && typeof value !== 'function') ||
    value === null ||
    seen.has(value)
  )
    return
  seen.add(value)
  if (ArrayBuffer.isView(value))
    return void parts.push(
      Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1'),
    )
  if (value instanceof Error) parts.push(String(value))
  if (value instanceof Map || value instanceof Set)
    for (const one of [...value].flat()) gather(one, parts, seen)
  for (const name of Reflect.ownKeys(value)) {
    parts.push(String(name))
    gather(Reflect.getOwnPropertyDescriptor(value, name)?.value ?? read(value, name), parts, seen)
  }
}

function read(value: object, name: string | symbol): unknown {
  try {
    return Reflect.get(value, name)
  } catch {
    return undefined
  }
}
