import { CacheError, ConnectionError, ServerError } from '../../errors.js'
import { redactedError } from '../../util/redact.js'
import type { Argument, Command, Reply } from '../command.js'

/**
 * A reply as either client gives it, in RESP2's shape; what is a Buffer becomes text unless the
 * command is binary.
 */
export function replyOf(raw: unknown, command: Command): Reply | CacheError {
  return inShapeOf(command, plain(raw, command))
}

/**
 * What a client rejected with, as one of our errors. Only names travel into it: no values, no
 * passwords.
 */
export function errorOf(raw: unknown, command: Command): CacheError {
  if (raw instanceof CacheError) return raw
  const about = { command: nameOf(command), key: command.keys[0] }
  const args = valuesOf(command)
  if (isReplyError(raw)) return ServerError.fromReply(raw.message, { ...about, args })
  const cause = redactedError(raw, args)
  return new ConnectionError(
    `${described(command)} got no reply: ${cause.message || 'the connection was lost'}. It may or may not have been executed. Check that Redis is up and reachable.`,
    { ...about, cause },
  )
}

/** What must not be told of a command: its arguments, but for its keys and the hash of a script. */
function valuesOf({ args: [name, ...args], keys }: Command): Argument[] {
  const names = new Set<Argument>(keys)
  if (/^evalsha/i.test(name) && args[0] !== undefined) names.add(args[0])
  return args.filter((argument) => !names.has(argument))
}

/** `GET product:42`: what an error says about a command. */
export function described(command: Command): string {
  return command.keys.length === 0 ? nameOf(command) : `${nameOf(command)} ${command.keys[0]}`
}

export function nameOf(command: Command): string {
  return command.args[0].toUpperCase()
}

function plain(raw: unknown, command: Command): Reply {
  if (typeof raw === 'string' || typeof raw === 'number' || raw === null)
    return Number.isInteger(raw) || typeof raw !== 'number' ? raw : String(raw)
  if (Buffer.isBuffer(raw)) return command.binary ? raw : raw.toString()
  if (Array.isArray(raw))
    return command.binary && raw.every(isBulk)
      ? raw
      : raw.map((item: unknown) => plain(item, command))
  if (typeof raw === 'boolean') return raw ? 1 : 0
  if (typeof raw === 'bigint') return String(raw)
  // an error inside an array stands in its place
  if (raw instanceof Error) return errorOf(raw, command) as unknown as Reply
  if (raw instanceof Map) return [...raw].flat().map((item) => plain(item, command))
  if (raw instanceof Set) return [...raw].map((item) => plain(item, command))
  if (raw === undefined) return null
  return Object.entries(raw as Record<string, unknown>).flatMap(([name, value]) => [
    command.binary ? Buffer.from(name) : name,
    plain(value, command),
  ])
}

function isBulk(item: unknown): item is Buffer | null {
  return item === null || Buffer.isBuffer(item)
}

/**
 * Where RESP3 nests otherwise than RESP2: scores beside their members, streams beside their
 * entries.
 */
function inShapeOf(command: Command, reply: Reply): Reply {
  if (!Array.isArray(reply)) return reply
  const name = nameOf(command)
  if (name === 'XREAD' || name === 'XREADGROUP')
    return Array.isArray(reply[0]) ? reply : pairs(reply as Reply[])
  const scored =
    name.startsWith('Z') &&
    (name.startsWith('ZPOP') ||
      command.args.some((argument) => String(argument).toUpperCase() === 'WITHSCORES'))
  return scored && Array.isArray(reply[0]) ? (reply as Reply[]).flat() : reply
}

function pairs(flat: readonly Reply[]): Reply[] {
  const all: Reply[] = []
  for (let i = 0; i < flat.length; i += 2) all.push([flat[i]!, flat[i + 1]!])
  return all
}

/**
 * By its text, `CODE what happened`, or by the names the clients give: nothing of theirs is
 * imported.
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
