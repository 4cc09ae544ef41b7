import type { RawClient } from './client-variants.js'
import type { Ioredis } from './ioredis.js'

/**
 * Connects a client, and resolves once the server has answered. Later errors are ignored here: they
 * reject the commands they affect.
 */
export async function connectClient(client: RawClient): Promise<RawClient> {
  if (isIoredis(client)) {
    client.on('error', () => undefined)
    await client.ping()
    return client
  }
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Ends a client at once. Commands without a reply are rejected. */
export async function endClient(client: RawClient): Promise<void> {
  if (isIoredis(client)) client.disconnect()
  else if (client.isOpen) await client.destroy()
}

function isIoredis(client: RawClient): client is Ioredis {
  return 'status' in client
}
