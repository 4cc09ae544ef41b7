/** Freezes plain objects and arrays, all the way down. What has state of its own (a Map, a Buffer) can't be. */
export function deepFreeze(value: unknown): void {
  const open = [value]
  while (open.length > 0) {
    const one = open.pop()
    if (typeof one !== 'object' || one === null || ArrayBuffer.isView(one) || Object.isFrozen(one)) continue
    Object.freeze(one)
    open.push(...Object.values(one))
  }
}
