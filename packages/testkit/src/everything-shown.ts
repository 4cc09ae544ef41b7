import { inspect } from 'node:util'

/**
 * Returns everything that printing a value can show, as one text, so that a test can search it for
 * something that must not leak. The text contains:
 *
 * - the output of `util.inspect` and `JSON.stringify`;
 * - every reachable own property, including hidden ones, messages, stacks and the text of Buffers.
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
    return '' // The value contains a cycle.
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
    for (const element of [...value].flat()) gather(element, parts, seen)
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
