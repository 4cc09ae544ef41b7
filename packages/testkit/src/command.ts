import { Redis } from 'ioredis'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Access extends Address {
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly database?: number | undefined
}

/**
 * One command over a connection of its own; errors of Redis are thrown as they come.
 *
 * @throws {Error} also when nothing answers within 10 s.
 * @example await ask(server, ['CLUSTER', 'INFO']) // 'cluster_state:ok…'
 */
export async function ask(server: Access, command: CommandLine): Promise<unknown> {
  return (await askAll(server, [command]))[0]
}

export type CommandLine = readonly [name: string, ...args: (string | number)[]]

/** Several commands, one after the other, over one connection. */
export async function askAll(
  server: Access,
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
  // The command's own rejection says "connection is closed"; this one says why.
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
 * A reply as `redis-cli` prints it when its output is no terminal: arrays one element a line, nil
 * as an empty text.
 */
export function asText(reply: unknown): string {
  if (Array.isArray(reply)) return reply.map(asText).join('\n')
  return reply === null || reply === undefined ? '' : String(reply)
}
