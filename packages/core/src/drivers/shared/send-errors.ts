import { CommandTimeoutError, ConnectionError, ServerError, type CacheError } from '../../errors.js'
import type { Command } from '../command.js'
import { commandName, describeCommand } from './replies.js'

/** The driver or the client is closed. */
export function closedError(command: Command, reason: string): CacheError {
  return new ConnectionError(`${describeCommand(command)} was not sent: ${reason}.`, {
    code: 'CLOSED',
    ...detailsOf(command),
  })
}

/** The server is a replica, and reconnecting did not help. */
export function replicaError(command: Command): CacheError {
  return ServerError.fromReply(
    'READONLY The server is a replica, and so is the one that a new connection leads to.',
    detailsOf(command),
  )
}

/** The connection was lost after the command was written. */
export function connectionLostError(command: Command, cause: Error | undefined): CacheError {
  return new ConnectionError(
    `${describeCommand(command)} got no reply, the connection was lost${reasonOf(cause)}. ` +
      'It may or may not have been executed. Check that Redis is up and reachable.',
    { ...detailsOf(command), cause },
  )
}

/** There was no connection within the timeout, so the command was not written. */
export function unreachableError(
  command: Command,
  timeout: number,
  cause: Error | undefined,
): CacheError {
  return new ConnectionError(
    `${describeCommand(command)} was not sent: there was no connection to Redis within ` +
      `${Math.round(timeout)} ms${reasonOf(cause)}. ` +
      'Check that the server is up and reachable, and accepts the password.',
    { ...detailsOf(command), cause },
  )
}

/** The command was written, and there was no reply within the timeout. */
export function timeoutError(command: Command, timeout: number): CacheError {
  return new CommandTimeoutError(
    `${describeCommand(command)} got no reply within ${Math.round(timeout)} ms. ` +
      'It may or may not have been executed. Check that Redis answers, or allow more time.',
    detailsOf(command),
  )
}

function detailsOf(command: Command): { command: string; key: string | undefined } {
  return { command: commandName(command), key: command.keys[0] }
}

function reasonOf(cause: Error | undefined): string {
  return cause && cause.message !== '' ? `: ${cause.message}` : ''
}
