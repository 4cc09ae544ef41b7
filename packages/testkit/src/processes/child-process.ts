import { Mailbox, type NextOptions, type Wanted } from './mailbox.js'

export interface ChildProcess<Data> {
  /** The position of this process in the group, starting at 0. */
  readonly index: number
  /** The number of processes in the group. */
  readonly count: number
  /** The value that the parent passed to `spawnProcesses`. */
  readonly data: Data
  /** Sends the parent a message. Resolves once it is sent, so that the process may end. */
  say(message: unknown): Promise<void>
  /**
   * Waits for the next message of the parent. Pass a `type` (or a text) or a predicate to wait for
   * a certain message.
   */
  next<T>(wanted?: Wanted<T>, options?: NextOptions): Promise<T>
}

/**
 * Connects this process to the parent that started it with `spawnProcesses`. Call it once, at the
 * top of the file. The process ends when its work is done, or when the parent goes away.
 *
 * @throws {Error} in a process that was started in another way.
 * @example
 * const child = childProcess<{ url: string }>()
 * await child.say({ type: 'ready' })
 */
export function childProcess<Data = undefined>(): ChildProcess<Data> {
  const position = process.env[GROUP_POSITION]
  if (position === undefined || process.channel === undefined)
    throw new Error('This file must be started with spawnProcesses().')
  const { index, count, data } = JSON.parse(position) as {
    index: number
    count: number
    data: Data
  }
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
    // The channel keeps the process alive only while a caller waits for a message.
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

/** The environment variable with the child's index, the size of its group and its data. */
export const GROUP_POSITION = 'CACHE_TESTKIT_PROCESS'
