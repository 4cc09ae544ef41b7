import { Redis } from 'ioredis'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface ConnectionTarget extends Address {
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly database?: number | undefined
}

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

export type CommandLine = readonly [name: string, ...args: (string | number)[]]

/** Sends several commands one after the other over one connection, and returns their replies. */
export async function sendCommands(
  server: ConnectionTarget,
  commands: readonly CommandLine[],
): Promise<readonly unknown[]> {
  const connection = new Redis({
    host: server.host,
    port: server.port,
    ...(server.username === undefined ? {} : { username: server.username }),
    ...(server.password === undefined ? {} : { password: server.password }),
    db: server.database ?? 0,
    protocol: 2,
    lazyConnect: true,
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: 10_000,
    commandTimeout: 10_000,
  })
  // The command is rejected with "connection is closed"; the error event carries the reason.
  let reason: Error | undefined
  connection.on('error', (error: Error) => (reason = error))
  try {
    await connection.connect()
    const replies: unknown[] = []
    for (const [name, ...args] of commands) replies.push(await connection.call(name, ...args))
    return replies
  } catch (error) {
    throw reason ?? error
  } finally {
    connection.disconnect()
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
