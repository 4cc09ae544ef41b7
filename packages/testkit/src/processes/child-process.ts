import { Mailbox, type NextOptions, type Wanted } from './mailbox.js'

export interface ChildProcess<Data> {
  /** 0 for the first process of the group. */
  readonly index: number
  /** How many processes the group has. */
  readonly count: number
  /** What the parent passed to `spawnProcesses`. */
  readonly data: Data
  /** Sends the parent a message; resolves once it is on its way, so that the process may end. */
  say(message: unknown): Promise<void>
  /** The next message of the parent: any, of a `type` (or equal to a text), or one that fits. */
  next<T>(wanted?: Wanted<T>, options?: NextOptions): Promise<T>
}

/**
 * This process, as one of a group that `spawnProcesses` started. Call it once, at the top of the
 * file. The process ends when its work is done, or when the parent goes away.
 *
 * @throws {Error} in a process that was started in another way.
 * @example
 * const child = childProcess<{ url: string }>()
 * await child.say({ type: 'ready' })
 */
export function childProcess<Data = undefined>(): ChildProcess<Data> {
  const place = process.env[PLACE]
  if (place === undefined || process.channel === undefined)
    throw new Error('This file is meant to be started with spawnProcesses().')
  const { index, count, data } = JSON.parse(place) as { index: number; count: number; data: Data }
  const mailbox = new Mailbox('The parent')
  process.on('message', (message) => mailbox.push(message))
  process.on('disconnect', () => process.exit())
  const channel = process.channel
  channel.unref()
  let waiting = 0
  return {
    index,
    count,
    data,
    say: (message) =>
      new Promise((resolve, reject) =>
        process.send?.(message, undefined, undefined, (error) =>
          error ? reject(error) : resolve(),
        ),
      ),
    // Only somebody who waits for a message is a reason to stay alive.
    async next<T>(wanted?: Wanted<T>, options?: NextOptions): Promise<T> {
      if (waiting++ === 0) channel.ref()
      try {
        return await mailbox.next<T>(wanted, options)
      } finally {
        if (--waiting === 0) channel.unref()
      }
    },
  }
}

/** The environment variable that tells a child its place in the group. */
export const PLACE = 'CACHE_TESTKIT_PROCESS'
