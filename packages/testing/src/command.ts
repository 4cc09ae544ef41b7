import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import RedisParser from 'redis-parser'

/** Where a server or a proxy listens. */
export interface Address {
  /** Always `127.0.0.1`, unless the server is that of `REDIS_URL`. */
  readonly host: string
  readonly port: number
}

export interface ConnectionTarget extends Address {
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly database?: number | undefined
}

export type CommandLine = readonly [name: string, ...args: (string | number)[]]

/**
 * Sends one command over its own connection and returns the reply.
 *
 * @throws {Error} the error that Redis replies with, unchanged; or an error if nothing answers
 * within 10 s.
 * @example await sendCommand(server, ['CLUSTER', 'INFO']) // 'cluster_state:ok…'
 */
export async function sendCommand(
  server: ConnectionTarget,
  command: CommandLine,
): Promise<unknown> {
  return (await sendCommands(server, [command]))[0]
}

/** Sends several commands one after the other over one connection, and returns their replies. */
export async function sendCommands(
  server: ConnectionTarget,
  commands: readonly CommandLine[],
): Promise<readonly unknown[]> {
  const socket = connect({ host: server.host, port: server.port, noDelay: true })
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(TIMEOUT) })
    const replies = new Replies(socket)
    const prelude = preludeOf(server)
    const received: unknown[] = []
    for (const command of [...prelude, ...commands]) {
      socket.write(encode(command))
      received.push(await replies.next(command[0]))
    }
    return received.slice(prelude.length)
  } finally {
    socket.destroy()
  }
}

const TIMEOUT = 10_000

/** Returns the commands that log in and select the database. */
function preludeOf({ username, password, database = 0 }: ConnectionTarget): CommandLine[] {
  const login: CommandLine = ['AUTH', ...(username ? [username] : []), password ?? '']
  return [
    ...(password === undefined ? [] : [login]),
    ...(database === 0 ? [] : [['SELECT', database] satisfies CommandLine]),
  ]
}

/** Encodes a command as https://redis.io/docs/latest/develop/reference/protocol-spec/ says. */
function encode(command: CommandLine): string {
  const words = command.map((word) => `$${Buffer.byteLength(`${word}`)}\r\n${word}\r\n`)
  return `*${command.length}\r\n${words.join('')}`
}

/** The replies of a connection, one at a time. */
class Replies {
  readonly #socket: Socket
  #settle: { resolve(reply: unknown): void; reject(error: Error): void } | undefined
  #ended: Error | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    const fail = (error: Error) => this.#settle?.reject(error)
    const end = (error: Error) => fail((this.#ended ??= error))
    const parser = new RedisParser({
      returnReply: (reply: unknown) => this.#settle?.resolve(reply),
      returnError: fail,
      returnFatalError: end,
    })
    socket.on('data', (bytes) => parser.execute(bytes))
    socket.on('error', end)
    socket.on('close', () => end(new Error('The server closed the connection.')))
  }

  async next(command: string): Promise<unknown> {
    if (this.#ended !== undefined) throw this.#ended
    const timeout = setTimeout(() => {
      const { remotePort } = this.#socket
      const text = `The Redis on port ${remotePort} did not answer ${command} within ${TIMEOUT} ms.`
      this.#settle?.reject(new Error(text))
    }, TIMEOUT)
    try {
      return await new Promise((resolve, reject) => (this.#settle = { resolve, reject }))
    } finally {
      clearTimeout(timeout)
    }
  }
}

/**
 * Formats a reply as `redis-cli` prints it into a pipe: one array element per line, and nil as an
 * empty string.
 */
export function formatReply(reply: unknown): string {
  if (Array.isArray(reply)) return reply.map(formatReply).join('\n')
  return reply === null || reply === undefined ? '' : String(reply)
}
