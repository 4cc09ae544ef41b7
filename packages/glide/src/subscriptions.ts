import type { Command } from '@cache/core'
import type { OpenSubscription } from '@cache/core/internal'
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
 * connection that it opens later is not subscribed. And a command always waits on the connection;
 * it fails when the connection is lost.
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
        { args: ['WAIT', '0', '0'], keys: [] },
        ...channels
          .slice(0, sharded ? undefined : 0)
          .map((channel): Command => ({ args: ['SSUBSCRIBE', channel], keys: [] })),
        // One command for each channel, since GLIDE expects one reply to each command.
        ...plain.map((channel): Command => ({ args: ['SUBSCRIBE', channel], keys: [] })),
      ]
      const replies = await execute(
        client,
        commands.map(({ args }) => args),
        timeout,
      )
      for (const [i, raw] of replies.entries())
        if (raw instanceof Error) throw serverErrorOf(raw, commands[i]!)
    } catch (error) {
      close()
      throw error
    }
    void watchLoss(client, signal).then(ended)
  }
}

/** Resolves when the connection is lost, or the signal aborts. */
async function watchLoss(client: GlideClient, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await execute(client, [['WAIT', ALL_REPLICAS, String(WAIT_FOR)]], 2 * WAIT_FOR)
    } catch (error) {
      // A silent server is not a loss: that is what the heartbeat is for.
      if (!isTimeout(error)) return
    }
  }
}

/** No server has so many replicas, so the command waits for its whole time. */
const ALL_REPLICAS = String(2 ** 31 - 1)
/** Milliseconds. GLIDE keeps a closed connection open until its last command is answered. */
const WAIT_FOR = 1_000
/** The maximum of GLIDE: 49 days. */
const NEVER = 2 ** 32 - 1
