import type { Argument } from '../drivers/command.js'

/**
 * Returns a copy of an error of a Redis client, a driver or a server that is safe to show. It has
 * the name, the code, the stack and the causes, and the message without the arguments of the
 * command. Clients attach the whole command to their errors, including the password of AUTH, and
 * servers quote arguments in messages.
 *
 * @param args The arguments that must not be shown, in addition to those that the error itself
 * carries.
 * @example redactedError(replyError, ['V4LUE']).message // "ERR bad value …"
 */
export function redactedError(raw: unknown, args: readonly Argument[] = []): Error {
  return copyOf(raw, { args, depth: 0 })
}

/**
 * Returns a copy of an error of a codec, a schema or a `toJSON`, without its message, which may
 * quote the value. Returns `undefined` for anything that is not an Error.
 */
export function errorWithoutMessage(raw: unknown): Error | undefined {
  if (!(raw instanceof Error)) return undefined
  return copyWithMessage(raw, 'its message is left out, as it may quote the value')
}

/**
 * Returns a text of a server or a client without the arguments of the command, and without the user
 * and the password of an address.
 */
export function redactedText(text: string, args: readonly Argument[] = []): string {
  const plain = text
    .slice(0, MAX_LENGTH)
    .replace(/,? *with args beginning with:[^]*$/, '')
    .replace(/(\w:\/\/)\S*@/g, '$1')
  if (args.length === 0) return plain
  const isArgument = (part: string): boolean =>
    part !== '' && args.some((arg) => arg.includes(part))
  let redacted = plain
  for (const arg of args)
    if (arg.length >= MIN_ARGUMENT_LENGTH && arg.length <= plain.length * 3)
      redacted = redacted.replaceAll(arg.toString(), MASK)
  return redacted
    .replace(/(['"`])(.*?)\1/g, (quoted, quote: string, quotedText: string) =>
      isArgument(quotedText) ? `${quote}${MASK}${quote}` : quoted,
    )
    .replace(/[^\s'"`\u2026,;:()[\]{}]+/g, (word) =>
      word.length >= MIN_PART_LENGTH && isArgument(word) ? MASK : word,
    )
}

/** The maximum length. The rest of a longer text is left out. */
const MAX_LENGTH = 1_000
/** Shorter arguments occur in messages by chance. */
const MIN_ARGUMENT_LENGTH = 4
const MIN_PART_LENGTH = 5
const MASK = '…'
const MAX_DEPTH = 4

/** The properties of errors of Redis clients. */
interface ClientErrorFields {
  readonly code?: unknown
  readonly command?: { readonly args?: unknown } | undefined
  readonly errors?: unknown
  /** In a ClusterAllFailedError of ioredis. */
  readonly lastNodeError?: unknown
}

/** The copies. Many commands may fail with one error, and a copy is not copied again. */
const copies = new WeakMap<Error, Error>()
/**
 * The latest copy. Many commands may fail with separate errors that say the same, and reading
 * stacks is slow.
 */
let latest: { readonly raw: Error; readonly copy: Error } | undefined

function copyOf(
  raw: unknown,
  { args, depth }: { readonly args: readonly Argument[]; readonly depth: number },
): Error {
  if (!(raw instanceof Error)) return new Error('a value was thrown that is not an Error')
  const existing =
    copies.get(raw) ?? (latest && isEquivalent(raw, latest.raw) ? latest.copy : undefined)
  if (existing) return existing
  const { command, errors, lastNodeError } = raw as ClientErrorFields
  const hidden = [...args, ...argumentsOf(command?.args)]
  const inner =
    raw.cause ?? lastNodeError ?? (Array.isArray(errors) ? (errors[0] as unknown) : undefined)
  const cause =
    inner instanceof Error && depth < MAX_DEPTH
      ? copyOf(inner, { args: hidden, depth: depth + 1 })
      : undefined
  const copy = copyWithMessage(
    raw,
    redactedText(String(raw.message), hidden) || (cause?.message ?? ''),
    cause,
  )
  copies.set(raw, copy)
  copies.set(copy, copy)
  if (isPlain(raw)) latest = { raw, copy }
  return copy
}

function isEquivalent(
  first: Error & ClientErrorFields,
  second: Error & ClientErrorFields,
): boolean {
  return (
    first.message === second.message &&
    first.name === second.name &&
    first.code === second.code &&
    isPlain(first)
  )
}

function isPlain({ command, cause, errors, lastNodeError }: Error & ClientErrorFields): boolean {
  return (
    command === undefined &&
    cause === undefined &&
    errors === undefined &&
    lastNodeError === undefined
  )
}

function argumentsOf(args: unknown): Argument[] {
  return Array.isArray(args)
    ? args.flat().filter((arg) => typeof arg === 'string' || Buffer.isBuffer(arg))
    : []
}

/** Returns an error with the same name, code and stack, and another message. */
function copyWithMessage(raw: Error, message: string, cause?: Error): Error {
  const copy = new Error(message, cause && { cause })
  const name = /^[A-Za-z_$][\w$]{0,63}$/.test(raw.name) ? raw.name : 'Error'
  Object.defineProperty(copy, 'name', { value: name, configurable: true, writable: true })
  copy.stack = [message === '' ? name : `${name}: ${message}`, ...framesOf(raw)].join('\n')
  const { code } = raw as ClientErrorFields
  if (Number.isInteger(code) || (typeof code === 'string' && /^[\w-]{1,64}$/.test(code)))
    Object.assign(copy, { code })
  return copy
}

/** Returns the frames of a stack. The lines before them repeat the message. */
function framesOf({ stack, message }: Error): string[] {
  const text = String(stack ?? '')
  const start = text.indexOf(message)
  return text
    .slice(start === -1 ? 0 : start + message.length)
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
}
