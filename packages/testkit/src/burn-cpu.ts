/**
 * Blocks the event loop for `ms` milliseconds, as a long computation does. No timer fires and no
 * socket is read in the meantime.
 */
export function burnCpu(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}
