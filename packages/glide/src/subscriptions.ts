import type { Command } from '@cache/core'
import type { OpenSubscription } from '@cache/core/driver-internal'
import {
  Decoder,
  type GlideClient,
  ProtocolVersion,
  type GlideClientConfiguration,
} from '@valkey/valkey-glide'
import { configurationOf, connectGlide, execute, isTimeout } from './glide-client.js'
import { serverErrorOf } from './replies.js'

export interface SubscriptionRequest {
  readonly configuration: GlideClientConfiguration
  readonly channels: readonly string[]
  readonly sharded: boolean
  /** Milliseconds for the connection and the confirmation. */
  readonly timeout: number
}

/**
 * Returns a function that subscribes on a separate connection. `keepSubscribed` opens another one
 * when it ends.
 *
 * GLIDE subscribes again by itself after a loss, and tells nobody that messages were missed. Two
 * things make it tell. The channels are subscribed in a batch, which GLIDE does not remember: a
 * connection that it opens later is not subscribed. And commands always wait on the connection,
 * see `lossOf`.
 */
export function openOn(
  addressOf: () => Promise<string | undefined>,
  { configuration, channels, sharded, timeout }: SubscriptionRequest,
): OpenSubscription {
  return async ({ message, ended }, beatChannels, signal) => {
    const address = await addressOf()
    signal.throwIfAborted()
    const client = await connectGlide({
      ...(address === undefined ? configuration : configurationOf(address, configuration)),
      protocol: ProtocolVersion.RESP3,
      pubsubSubscriptions: {
        channelsAndPatterns: {},
        callback: (received) => message(String(received.channel), String(received.message)),
      },
      defaultDecoder: Decoder.Bytes,
      advancedConfiguration: {
        ...configuration.advancedConfiguration,
        // GLIDE would end subscriptions that it does not remember.
        pubsubReconciliationIntervalMs: NEVER,
      },
    })
    const close = (): void => client.close()
    if (signal.aborted) return close()
    signal.addEventListener('abort', close, { once: true })
    try {
      const plain = [...(sharded ? [] : channels), ...beatChannels]
      const commands: readonly Command[] = [
        ...(sharded ? channels : []).map((channel) => commandOf('SSUBSCRIBE', channel)),
        // One command for each channel, since GLIDE expects one reply to each command.
        ...plain.map((channel) => commandOf('SUBSCRIBE', channel)),
        commandOf('WAIT', '0', '0'),
        commandOf('CLIENT', 'ID'),
      ]
      const args = commands.map((command) => command.args)
      const subscribed = execute(client, args, timeout)
      const connectionId = subscribed.then((replies) => replies.at(-1))
      connectionId.catch(() => undefined) // a failure to subscribe is reported below
      void lossOf(client, connectionId, signal).then(ended)
      for (const [i, raw] of (await subscribed).entries())
        if (raw instanceof Error) throw serverErrorOf(raw, commands[i]!)
    } catch (error) {
      close()
      throw error
    }
  }
}

function commandOf(...args: Command['args']): Command {
  return { args, keys: [] }
}

/**
 * Resolves when another connection than that with the given id is used, or the signal aborts.
 *
 * Two commands that wait are under way at any time, one behind the other, so that one is there when
 * the connection is lost: it fails at once. If none was, because this process was busy, the next
 * one finds another id.
 */
async function lossOf(
  client: GlideClient,
  connectionId: Promise<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const waitUntilLost = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        const [id, waited] = await execute(client, WAITING, 3 * WAIT_FOR)
        if (id !== (await connectionId) || waited instanceof Error) return
      } catch (error) {
        // A silent server is not a loss: that is what the heartbeat is for.
        if (!isTimeout(error)) return
      }
    }
  }
  await Promise.race([waitUntilLost(), waitUntilLost()])
}

/** Milliseconds. GLIDE keeps a closed connection open until its last command is answered. */
const WAIT_FOR = 500
/** No server has so many replicas, so the command waits for its whole time. */
const ALL_REPLICAS = String(2 ** 31 - 1)
const WAITING = [
  ['CLIENT', 'ID'],
  ['WAIT', ALL_REPLICAS, String(WAIT_FOR)],
]
/** The maximum of GLIDE: 49 days. */
const NEVER = 2 ** 32 - 1
