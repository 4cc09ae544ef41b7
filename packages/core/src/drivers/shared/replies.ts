import { CacheError, ConnectionError, ServerError } from '../../errors.js'
import { redactedError } from '../../util/redact.js'
import type { Argument, Command, Reply } from '../command.js'

/**
 * Converts a reply of either client into the shape of RESP2. Buffers become text, unless the
 * command is binary.
 */
export function replyOf(raw: unknown, command: Command): Reply | CacheError {
  return flattenNested(command, toResp2(raw, command))
}

/**
 * Converts an error of a client into one of our errors. It contains only names: no values and no
 * passwords.
 */
export function errorOf(raw: unknown, command: Command): CacheError {
  if (raw instanceof CacheError) return raw
  const details = { command: commandName(command), key: command.keys[0] }
  const args = secretArguments(command)
  if (isReplyError(raw)) return ServerError.fromReply(raw.message, { ...details, args })
  const cause = redactedError(raw, args)
  return new ConnectionError(
    `${describeCommand(command)} got no reply: ${cause.message || 'the connection was lost'}. ` +
      'It may or may not have been executed. Check that Redis is up and reachable.',
    { ...details, cause },
  )
}

/** Returns the arguments that an error must not show: all but the keys and the hash of a script. */
function secretArguments({ args: [name, ...args], keys }: Command): Argument[] {
  const shown = new Set<Argument>(keys)
  if (/^evalsha/i.test(name) && args[0] !== undefined) shown.add(args[0])
  return args.filter((argument) => !shown.has(argument))
}

/** Describes a command in an error: `GET product:42`. */
export function describeCommand(command: Command): string {
  return command.keys.length === 0
    ? commandName(command)
    : `${commandName(command)} ${command.keys[0]}`
}

export function commandName(command: Command): string {
  return command.args[0].toUpperCase()
}

function toResp2(raw: unknown, command: Command): Reply {
  if (typeof raw === 'string' || typeof raw === 'number' || raw === null)
    return Number.isInteger(raw) || typeof raw !== 'number' ? raw : String(raw)
  if (Buffer.isBuffer(raw)) return command.binary ? raw : raw.toString()
  if (Array.isArray(raw))
    return command.binary && raw.every(isBinaryReply)
      ? raw
      : raw.map((item: unknown) => toResp2(item, command))
  if (typeof raw === 'boolean') return raw ? 1 : 0
  if (typeof raw === 'bigint') return String(raw)
  // an error inside an array stays in its place
  if (raw instanceof Error) return errorOf(raw, command) as unknown as Reply
  if (raw instanceof Map) return [...raw].flat().map((item) => toResp2(item, command))
  if (raw instanceof Set) return [...raw].map((item) => toResp2(item, command))
  if (raw === undefined) return null
  return Object.entries(raw as Record<string, unknown>).flatMap(([name, value]) => [
    command.binary ? Buffer.from(name) : name,
    toResp2(value, command),
  ])
}

/** Whether a part of the reply to a binary command needs no conversion. */
function isBinaryReply(item: unknown): item is Reply {
  return (
    item === null || Buffer.isBuffer(item) || (Array.isArray(item) && item.every(isBinaryReply))
  )
}

/**
 * Converts nested replies for which RESP3 differs from RESP2: scores beside their members, and
 * streams beside their entries.
 */
function flattenNested(command: Command, reply: Reply): Reply {
  if (!Array.isArray(reply)) return reply
  const name = commandName(command)
  if (name === 'XREAD' || name === 'XREADGROUP')
    return Array.isArray(reply[0]) ? reply : pairs(reply as Reply[])
  const hasScores =
    name.startsWith('Z') &&
    (name.startsWith('ZPOP') ||
      command.args.some((argument) => String(argument).toUpperCase() === 'WITHSCORES'))
  return hasScores && Array.isArray(reply[0]) ? (reply as Reply[]).flat() : reply
}

function pairs(flat: readonly Reply[]): Reply[] {
  const result: Reply[] = []
  for (let i = 0; i < flat.length; i += 2) result.push([flat[i]!, flat[i + 1]!])
  return result
}

/**
 * Returns whether an error is an error reply of Redis. It checks the text, `CODE message`, and the
 * class names of the clients, since the clients are not imported.
 */
export function isReplyError(raw: unknown): raw is Error {
  if (!(raw instanceof Error)) return false
  if (raw.name === 'ReplyError') return true
  for (
    let type: unknown = raw.constructor;
    typeof type === 'function' && type !== Error;
    type = Object.getPrototypeOf(type)
  ) {
    if ((type as { name: string }).name === 'ErrorReply') return true
  }
  return /^[A-Z][A-Z0-9]{2,} /.test(raw.message) && !('code' in raw) && !('errno' in raw)
}
