import type { RawClient } from './flavours.js'
import type { Ioredis } from './ioredis.js'

/**
 * Resolves once the client has an answer from its server. Its later errors are the business of the
 * commands they fail.
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

/** At once: commands on their way are rejected. */
export async function endClient(client: RawClient): Promise<void> {
  if (isIoredis(client)) client.disconnect()
  else if (client.isOpen) await client.destroy()
}

function isIoredis(client: RawClient): client is Ioredis {
  return 'status' in client
}
