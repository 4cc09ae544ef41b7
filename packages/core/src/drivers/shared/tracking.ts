/**
 * Starts CLIENT TRACKING on a connection that subscribes to its own notifications: it redirects to
 * its own id, which RESP2 allows.
 *
 * Source: https://redis.io/docs/latest/develop/reference/client-side-caching/#two-connections-mode
 */
export async function startTracking(
  client: (...args: string[]) => Promise<unknown>,
  prefixes: readonly string[],
): Promise<void> {
  const id = String(await client('ID'))
  await client(
    'TRACKING',
    'ON',
    'REDIRECT',
    id,
    'BCAST',
    ...prefixes.flatMap((prefix) => ['PREFIX', prefix]),
  )
}

export const TRACKING_CHANNEL = '__redis__:invalidate'

export function isTrackingChannel(channel: string | Buffer): boolean {
  return String(channel) === TRACKING_CHANNEL
}

/** Returns the keys of a notification. `undefined` stands for all keys. */
export function keysOf(payload: unknown): readonly string[] | undefined {
  return Array.isArray(payload) ? payload.map(String) : undefined
}
