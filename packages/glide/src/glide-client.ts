import {
  Batch,
  ClosingError,
  ConnectionError,
  Decoder,
  GlideClient,
  NodeDiscoveryMode,
  TimeoutError,
  type GlideClientConfiguration,
} from '@valkey/valkey-glide'
import type { Argument } from '@cache/core'
import { hostAndPort } from '@cache/core/driver-internal'

/** Connects a client. It accepts any number of commands at once. */
export function connectGlide(configuration: GlideClientConfiguration): Promise<GlideClient> {
  return GlideClient.createClient({
    inflightRequestsLimit: MAX_IN_FLIGHT,
    ...configuration,
    lazyConnect: false,
  })
}

/** Returns the configuration of a client for one node of a Cluster, whatever its role is. */
export function configurationOf(
  address: string,
  configuration: GlideClientConfiguration,
): GlideClientConfiguration {
  return {
    ...configuration,
    addresses: [hostAndPort(address)],
    nodeDiscoveryMode: NodeDiscoveryMode.Static,
  }
}

/** The limit of GLIDE is 1000, beyond which it refuses commands. */
const MAX_IN_FLIGHT = 2 ** 31 - 1

/**
 * Sends commands in one write. Resolves to a reply or an error for each, or rejects if GLIDE drops
 * them after `timeout` milliseconds; `undefined` is never. Only batches return errors inside
 * arrays, and only they have a timeout of their own.
 */
export async function execute(
  client: GlideClient,
  commands: readonly (readonly Argument[])[],
  timeout: number | undefined,
): Promise<readonly unknown[]> {
  const batch = new Batch(false)
  for (const args of commands) batch.customCommand([...args])
  const options = { decoder: Decoder.Bytes, timeout: Math.min(timeout ?? NEVER, NEVER) }
  return (await client.exec(batch, false, options)) ?? []
}

/** The maximum of GLIDE: 49 days. */
const NEVER = 2 ** 32 - 1

/** Whether GLIDE gave up waiting for a reply. */
export function isTimeout(error: unknown): boolean {
  return error instanceof TimeoutError
}

/** Whether the connection was lost, or the client is closed: by the driver, or by GLIDE. */
export function isLoss(error: unknown): boolean {
  return error instanceof ConnectionError || error instanceof ClosingError
}
