import type { Command, CommandResult, ServerError } from '@cache/core'
import { errorOf, replyOf } from '@cache/core/driver-internal'
import { RequestError } from '@valkey/valkey-glide'

/**
 * Converts a reply of GLIDE into the shape of RESP2.
 *
 * GLIDE converts the replies of the commands it knows: maps and entries of streams become arrays of
 * `{ key, value }`, scores become numbers, and some integers become booleans. It does so in batches
 * and under RESP2 as well.
 */
export function resultOf(raw: unknown, command: Command): CommandResult {
  if (raw instanceof Error) return serverErrorOf(raw, command)
  const name = command.args[0].toUpperCase()
  if (STREAMS.test(name)) return replyOf(streamsOf(raw), command)
  const reply = PAIRED.has(name) ? pairsOf(raw) : flatOf(raw, command)
  return replyOf(hasDoubles(name, command) ? doublesOf(reply) : reply, command)
}

/** Commands that return entries of streams. */
const STREAMS = /^X(READ|READGROUP|RANGE|REVRANGE|CLAIM|AUTOCLAIM)$/

/** Commands that return pairs under RESP2 as well. */
const PAIRED = new Set(['BZMPOP', 'ZMPOP'])

/** Commands whose replies GLIDE converts to doubles, also if they are whole numbers. */
const DOUBLES =
  /^(GEODIST|GEOPOS|HINCRBYFLOAT|INCRBYFLOAT|ZINCRBY|ZM?SCORE|B?ZPOP(MIN|MAX)|B?ZMPOP)$/

function hasDoubles(name: string, { args }: Command): boolean {
  if (DOUBLES.test(name)) return true
  if (!name.startsWith('Z')) return false
  const option = name === 'ZADD' ? 'INCR' : 'WITHSCORES'
  return args.some((argument) => String(argument).toUpperCase() === option)
}

interface KeyAndValue {
  readonly key: unknown
  readonly value: unknown
}

function isKeyAndValue(raw: unknown): raw is KeyAndValue {
  return typeof raw === 'object' && raw !== null && 'key' in raw && 'value' in raw
}

/** Makes maps flat, and fields with their values. */
function flatOf(raw: unknown, command: Command): unknown {
  if (raw instanceof Error) return serverErrorOf(raw, command)
  if (!Array.isArray(raw)) return raw
  if (/^HRANDFIELD$/i.test(command.args[0])) return raw.flat()
  return raw.flatMap((item: unknown) =>
    isKeyAndValue(item) ? [item.key, flatOf(item.value, command)] : [flatOf(item, command)],
  )
}

/** Converts members with their scores into pairs. */
function pairsOf(raw: unknown): unknown {
  if (isKeyAndValue(raw)) return [raw.key, raw.value]
  return Array.isArray(raw) ? raw.map(pairsOf) : raw
}

/** Converts streams, and entries of streams, into pairs with flat fields. */
function streamsOf(raw: unknown): unknown {
  if (!Array.isArray(raw)) return raw
  if (raw.length > 0 && raw.every(isPair)) return raw.flat()
  return raw.map((item: unknown) =>
    isKeyAndValue(item) ? [item.key, streamsOf(item.value)] : streamsOf(item),
  )
}

/** A field of an entry with its value. */
function isPair(item: unknown): item is [Buffer, Buffer] {
  return Array.isArray(item) && item.length === 2 && item.every((one) => Buffer.isBuffer(one))
}

/** Converts numbers into the text that Redis sends under RESP2. */
function doublesOf(raw: unknown): unknown {
  if (Array.isArray(raw)) return raw.map(doublesOf)
  if (typeof raw !== 'number') return raw
  return raw === Infinity ? 'inf' : raw === -Infinity ? '-inf' : String(raw)
}

/**
 * Converts an error of GLIDE into one of ours. GLIDE changes the text of an error reply:
 * `CODE: message`, and for the codes that it knows
 * `An error was signalled by the server: - NameOfTheCode: message`.
 */
export function serverErrorOf(raw: Error, command: Command): ServerError {
  const text = raw.message.replace(SIGNALLED, '')
  const [, kind, message = ''] = /^(\w+): ?(.*)$/s.exec(text) ?? [undefined, 'ERR', text]
  const code = CODES[kind!] ?? kind!
  const reply = new Error(`${code} ${message}`)
  reply.name = 'ReplyError'
  const error = errorOf(reply, command) as ServerError
  if (code === 'MOVED' || code === 'ASK') redirections.set(error, message.split(' ')[1] ?? '')
  return error
}

/** Returns the address that an error reply of a Cluster refers to. */
export function redirectionOf(error: ServerError): string | undefined {
  return redirections.get(error)
}

/** Errors contain no arguments, and an address might look like one. */
const redirections = new WeakMap<ServerError, string>()

/** Whether GLIDE rejected a whole batch because of an error reply. */
export function isErrorReply(error: unknown): error is Error {
  if (!(error instanceof RequestError)) return false
  const [, kind = ''] = /^(\w+):/.exec(error.message.replace(SIGNALLED, '')) ?? []
  return kind in CODES || /^[A-Z]{3,}$/.test(kind)
}

const SIGNALLED = /^An error was signalled by the server: ?-? ?/

/** The codes of Redis, by the names that GLIDE gives them. */
const CODES: Readonly<Record<string, string>> = {
  ResponseError: 'ERR',
  ExecAbortError: 'EXECABORT',
  BusyLoadingError: 'LOADING',
  NoScriptError: 'NOSCRIPT',
  Moved: 'MOVED',
  Ask: 'ASK',
  TryAgain: 'TRYAGAIN',
  ClusterDown: 'CLUSTERDOWN',
  CrossSlot: 'CROSSSLOT',
  MasterDown: 'MASTERDOWN',
  ReadOnly: 'READONLY',
  NotBusy: 'NOTBUSY',
  PermissionDenied: 'NOPERM',
}
