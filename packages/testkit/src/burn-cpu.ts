/**
 * Blocks the event loop for so many milliseconds, as a computation does: no timer fires and no
 * socket is read meanwhile.
 */
export function burnCpu(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}
