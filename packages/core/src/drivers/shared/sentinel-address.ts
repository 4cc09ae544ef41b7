/**
 * Returns a function that returns the address of the primary which a Sentinel client uses: the
 * current one, or else the last one. Before the first connection it returns `unknown`.
 */
export function sentinelAddress(
  current: () => { readonly host: string; readonly port: number } | undefined,
  unknown: string,
): () => string {
  let last = unknown
  return () => {
    const address = current()
    if (address) last = `${address.host}:${address.port}`
    return last
  }
}
