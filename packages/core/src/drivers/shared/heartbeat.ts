import { setTimeout as sleep } from 'node:timers/promises'
import { CacheError, ServerError } from '../../errors.js'
import { slot } from '../../client/keys.js'
import { createToken } from '../../util/token.js'
import type { Connection } from '../driver.js'
import { TimeLimitError, withTimeLimit } from '../../util/time-limit.js'
import { timerDelay } from '../../util/timer-delay.js'

/** Lets a subscription verify that it receives what commands publish. */
export interface Heartbeat {
  /** Milliseconds between two beats. */
  readonly every: number
  /** The first part of the names of the channels for beats. */
  readonly prefix: string
  /**
   * Publishes a beat over the connection for commands. Resolves to whether the server that received
   * it is a primary at which the subscription listens. Rejects if that is unknown.
   */
  publish(channel: string, payload: string): Promise<boolean>
}

export interface HeartbeatOptions {
  readonly every: number
  /** The channel that the subscription listens to. */
  readonly channel: string
  /** On a Cluster: returns whether a slot is on the primary that the subscription listens to. */
  readonly owns?: (slot: number) => boolean
  /** Whether another node may receive the beat and pass it on over the cluster bus. */
  readonly anyNode?: boolean
}

/**
 * Creates a heartbeat that is published over the connection for commands.
 *
 * Each beat deletes a key that never exists, which is a write that only a primary accepts. Then it
 * publishes a message: PUBLISH returns how many subscribers that server has.
 */
export function createHeartbeat(
  connection: Pick<Connection, 'send'>,
  { every, channel, owns = () => true, anyNode = false }: HeartbeatOptions,
): Heartbeat {
  const prefix = `${channel}:beat:`
  const token = createToken()
  let key = ''
  return {
    every,
    prefix,
    async publish(beatChannel, payload) {
      for (let i = 0; key === '' || !owns(slot(key)); i++) {
        if (i === MAX_TAGS) throw new Error('the primary owns no slot')
        key = prefix.includes('{') ? `{${i}}${prefix}${token}` : `${prefix}${token}{${i}}`
      }
      const commands = [
        { args: ['DEL', key], keys: [key] },
        { args: ['PUBLISH', beatChannel, payload], keys: [key] },
      ] as const
      const [deleted, receivers] = await Promise.all(
        connection.send(commands, { timeout: 2 * every }),
      )
      if (receivers instanceof CacheError) throw receivers
      const refused = deleted instanceof ServerError && deleted.code === 'READONLY'
      return !refused && (anyNode || Number(receivers) > 0)
    },
  }
}

/** With this many different hash tags, every slot of a Cluster gets one. */
const MAX_TAGS = 1_000_000

/**
 * Monitors one connection with beats: messages that the subscription publishes to itself. A beat
 * that returns shows two things: messages come from the server that commands are sent to, and
 * everything that was published there earlier has been delivered.
 */
export class HeartbeatMonitor {
  /** The channel for beats. It must be subscribed on the same connection as the messages. */
  readonly channel: string
  readonly #heartbeat: Heartbeat
  /** The number of messages that were received, of any kind. */
  #received = 0
  #onReturned: (payload: string) => void = () => undefined

  constructor(heartbeat: Heartbeat) {
    this.#heartbeat = heartbeat
    this.channel = heartbeat.prefix + createToken()
  }

  /** Records a message. Returns whether it was a beat. */
  receive(channel?: string, payload = ''): boolean {
    this.#received++
    if (channel !== this.channel) return false
    this.#onReturned(payload)
    return true
  }

  /**
   * Sends the first beat as soon as commands are answered. Resolves to the time at which the beat
   * was sent.
   */
  async firstBeat(signal: AbortSignal): Promise<number> {
    for (;;) {
      try {
        return await this.#beat()
      } catch (error) {
        if (isFinal(error) && !(error instanceof TimeLimitError)) throw error
        await sleep(RETRY_PAUSE, undefined, { signal, ref: false })
      }
    }
  }

  /**
   * Sends beats until the signal aborts, and calls `onAlive` with the time at which each returned
   * beat was sent. Rejects if messages may have been missed.
   */
  async run(onAlive: (since: number) => void, since: number, signal: AbortSignal): Promise<void> {
    const { every } = this.#heartbeat
    let failed = false
    while (!signal.aborted) {
      await sleep(timerDelay(failed ? every / 4 : every), undefined, { signal, ref: false })
      try {
        since = await this.#beat()
        failed = false
        if (!signal.aborted) onAlive(since)
      } catch (error) {
        if (isFinal(error) || performance.now() - since >= 2 * every) throw error
        failed = true // commands are not answered; that alone is not a gap yet
      }
    }
  }

  async #beat(): Promise<number> {
    const sentAt = performance.now()
    const payload = createToken() // a new token, so that nobody can send it in advance
    const returned = new Promise<void>((resolve) => {
      this.#onReturned = (received) => {
        if (received === payload) resolve()
      }
    })
    const published = this.#heartbeat.publish(this.channel, payload).then((reachesUs) => {
      if (!reachesUs) throw new WrongServerError()
    })
    const both = Promise.all([published, returned])
    for (let received = this.#received; ; received = this.#received) {
      try {
        await withTimeLimit(this.#heartbeat.every, both, { ref: false })
        return sentAt
      } catch (error) {
        // While other messages arrive, the beat is on its way behind them.
        if (!(error instanceof TimeLimitError) || this.#received === received) throw error
      }
    }
  }
}

/** Commands go to a server that is not a primary, or that the subscription does not listen to. */
class WrongServerError extends Error {
  constructor() {
    super('commands go to another server than the one that the subscription listens to')
  }
}

function isFinal(error: unknown): boolean {
  return (
    error instanceof WrongServerError ||
    error instanceof ServerError ||
    error instanceof TimeLimitError
  )
}

const RETRY_PAUSE = 20
