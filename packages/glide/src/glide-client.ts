import {
  Batch,
  ClusterBatch,
  ClosingError,
  ConnectionError,
  Decoder,
  GlideClient,
  GlideClusterClient,
  TimeoutError,
  type SingleNodeRoute,
} from '@valkey/valkey-glide'
import type { Argument } from '@cache/core'
import type { GlideConfiguration } from './configuration.js'

export type AnyGlideClient = GlideClient | GlideClusterClient

/** Connects a client. It accepts any number of commands at once. */
export function connectGlide(
  cluster: boolean,
  configuration: GlideConfiguration,
): Promise<AnyGlideClient> {
  const all = { inflightRequestsLimit: MAX_IN_FLIGHT, ...configuration, lazyConnect: false }
  return cluster ? GlideClusterClient.createClient(all) : GlideClient.createClient(all)
}

/** The limit of GLIDE is 1000, beyond which it refuses commands. */
const MAX_IN_FLIGHT = 2 ** 31 - 1

export interface ExecuteOptions {
  /** Milliseconds after which GLIDE drops the commands; `undefined` for never. */
  readonly timeout: number | undefined
  /** On a Cluster: where the commands go. By default, to where their keys are. */
  readonly route?: SingleNodeRoute | undefined
}

/**
 * Sends commands in one write. Resolves to a reply or an error for each. Only batches return errors
 * inside arrays, and only they have a timeout of their own.
 */
export async function execute(
  client: AnyGlideClient,
  commands: readonly (readonly Argument[])[],
  { timeout = NEVER, route }: ExecuteOptions,
): Promise<readonly unknown[]> {
  const options = { decoder: Decoder.Bytes, timeout: Math.min(timeout, NEVER) }
  const replies =
    client instanceof GlideClusterClient
      ? await client.exec(fill(new ClusterBatch(false), commands), false, {
          ...options,
          ...(route && { route }),
        })
      : await client.exec(fill(new Batch(false), commands), false, options)
  return replies ?? []
}

/** The maximum of GLIDE: 49 days. */
const NEVER = 2 ** 32 - 1

function fill<B extends Batch | ClusterBatch>(
  batch: B,
  commands: readonly (readonly Argument[])[],
): B {
  for (const args of commands) batch.customCommand([...args])
  return batch
}

/** Whether GLIDE gave up waiting for a reply. */
export function isTimeout(error: unknown): boolean {
  return error instanceof TimeoutError
}

/** Whether the connection was lost. */
export function isLoss(error: unknown): boolean {
  return error instanceof ConnectionError
}

/** Whether the client is closed: by the driver, or by GLIDE. */
export function isClosed(error: unknown): boolean {
  return error instanceof ClosingError
}
