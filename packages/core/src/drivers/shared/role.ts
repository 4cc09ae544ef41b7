import { ConnectionError } from '../../errors.js'
import type { Command, Reply } from '../command.js'
import type { Role } from './server-watch.js'

/**
 * Asks a server whether it is a primary, by HELLO without arguments, which changes nothing and
 * which ACLs allow with `+@connection`. A server that does not know it (before Redis 6.2), or does
 * not allow it, answers all the same: its role is unknown then. Rejects if there is no reply.
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
