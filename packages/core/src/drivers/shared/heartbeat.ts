import { setTimeout as sleep } from 'node:timers/promises'
import { CacheError, ServerError } from '../../errors.js'
import { slot } from '../../client/keys.js'
import { createToken } from '../../util/token.js'
import type { Link } from './managed-connection.js'
import { LateError, within } from './time-limit.js'

/** How a subscription makes sure that it hears what commands publish. */
export interface Heartbeat {
  /** Ms between two beats. */
  readonly every: number
  /** What the names of the channels begin with that beats are published on. */
  readonly prefix: string
  /**
   * Publishes a beat the way that commands go. Resolves to whether the server that took it is a
   * primary at which the subscription listens; rejects if that is not known.
   */
  publish(channel: string, payload: string): Promise<boolean>
}

export interface HeartbeatOptions {
  readonly every: number
  /** The channel that is subscribed to. */
  readonly channel: string
  /** On a Cluster: whether a slot is on the primary that the subscription listens at. */
  readonly owns?: (slot: number) => boolean
  /** Another node may have taken the beat, and handed it on over the cluster bus. */
  readonly anyNode?: boolean
}

/**
 * A heartbeat that is published over the connection that commands go over. It deletes a key that
 * never exists, a write that only a primary takes, and publishes: PUBLISH answers how many
 * subscribers that very server has.
 */
export function heartbeatThrough(
  link: Link,
  { every, channel, owns = () => true, anyNode = false }: HeartbeatOptions,
): Heartbeat {
  const prefix = `${channel}:beat:`
  const token = createToken()
  let key = ''
  return {
    every,
    prefix,
    async publish(beats, payload) {
      for (let i = 0; key === '' || !owns(slot(key)); i++) {
        if (i === MOST_TAGS) throw new Error('the primary has no slot')
        key = prefix.includes('{') ? `{${i}}${prefix}${token}` : `${prefix}${token}{${i}}`
      }
      const commands = [
        { args: ['DEL', key], keys: [key] },
        { args: ['PUBLISH', beats, payload], keys: [key] },
      ] as const
      const [deleted, receivers] = await link.send(commands, { timeout: 2 * every })
      if (receivers instanceof CacheError) throw receivers
      const refused = deleted instanceof ServerError && deleted.code === 'READONLY'
      return !refused && (anyNode || Number(receivers) > 0)
    },
  }
}

/** So many different tags fall into every slot of a Cluster. */
const MOST_TAGS = 1_000_000

/**
 * The heartbeat of one connection: messages that a subscription publishes to itself. One that comes
 * back shows that messages come from the server that commands go to, and that whatever was
 * published there before has been delivered.
 */
export class Pulse {
  /** To subscribe to, on the same connection as the messages. */
  readonly channel: string
  readonly #heartbeat: Heartbeat
  /** Messages that came, of whatever kind. */
  #heard = 0
  #back: (payload: string) => void = () => undefined

  constructor(heartbeat: Heartbeat) {
    this.#heartbeat = heartbeat
    this.channel = heartbeat.prefix + createToken()
  }

  /** A message has come. Returns whether it was a beat. */
  hear(channel?: string, payload = ''): boolean {
    this.#heard++
    if (channel !== this.channel) return false
    this.#back(payload)
    return true
  }

  /** The first beat, as soon as commands are answered. Resolves to when it was sent. */
  async first(signal: AbortSignal): Promise<number> {
    for (;;) {
      try {
        return await this.#beat()
      } catch (error) {
        if (isCertain(error) && !(error instanceof LateError)) throw error
        await sleep(RETRY, undefined, { signal, ref: false })
      }
    }
  }

  /**
   * Beats until the signal aborts, and says when each beat that came back was sent. Rejects once
   * messages may be missed.
   */
  async run(alive: (since: number) => void, since: number, signal: AbortSignal): Promise<void> {
    const { every } = this.#heartbeat
    let failed = false
    while (!signal.aborted) {
      await sleep(failed ? every / 4 : every, undefined, { signal, ref: false })
      try {
        since = await this.#beat()
        failed = false
        if (!signal.aborted) alive(since)
      } catch (error) {
        if (isCertain(error) || performance.now() - since >= 2 * every) throw error
        failed = true // commands are not answered; that alone is no gap yet
      }
    }
  }

  async #beat(): Promise<number> {
    const at = performance.now()
    const payload = createToken() // so that nobody can send it in advance
    const back = new Promise<void>((resolve) => {
      this.#back = (heard) => {
        if (heard === payload) resolve()
      }
    })
    const published = this.#heartbeat.publish(this.channel, payload).then((here) => {
      if (!here) throw new ElsewhereError()
    })
    const both = Promise.all([published, back])
    for (let heard = this.#heard; ; heard = this.#heard) {
      try {
        await within(this.#heartbeat.every, both, { ref: false })
        return at
      } catch (error) {
        // While other messages come it is on its way behind them.
        if (!(error instanceof LateError) || this.#heard === heard) throw error
      }
    }
  }
}

/** Commands go to a server that is no primary, or that the subscription does not listen at. */
class ElsewhereError extends Error {
  constructor() {
    super('commands go to another server than the one that is listened to')
  }
}

function isCertain(error: unknown): boolean {
  return (
    error instanceof ElsewhereError || error instanceof ServerError || error instanceof LateError
  )
}

const RETRY = 20
