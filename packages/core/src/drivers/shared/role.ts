import { ConnectionError } from '../../errors.js'
import type { Command, Reply } from '../command.js'
import type { Role } from './watched-client.js'

/**
 * Asks a server for its role, with HELLO without arguments. This changes nothing, and ACLs allow it
 * with `+@connection`. A server that does not know HELLO (before Redis 6.2) or does not allow it
 * answers with an error: its role is unknown then. Rejects if there is no reply.
 *
 * Source: https://redis.io/docs/latest/commands/hello/
 */
export async function askRole(send: (command: Command) => Promise<Reply | Error>): Promise<Role> {
  const reply = await send(HELLO)
  if (reply instanceof ConnectionError) throw reply
  if (!Array.isArray(reply)) return 'unknown'
  const role = reply[reply.indexOf('role') + 1]
  return role === 'master'
    ? 'primary'
    : role === 'slave' || role === 'replica'
      ? 'replica'
      : 'unknown'
}

const HELLO: Command = { args: ['HELLO'], keys: [] }
