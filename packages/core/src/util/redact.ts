import type { Argument } from '../drivers/command.js'

/**
 * A copy of an error that a Redis client, a driver or a server made, which may be shown to anybody:
 * its name, its code, its stack, its causes, and its message without the arguments of the command.
 * Clients attach the whole command to their errors, the password of AUTH among them, and servers
 * quote arguments in messages.
 *
 * @param args The arguments that must not be shown, besides those that the error itself carries.
 * @example redactedError(replyError, ['V4LUE']).message // "ERR bad value …"
 */
export function redactedError(raw: unknown, args: readonly Argument[] = []): Error {
  return copyOf(raw, { args, depth: 0 })
}

/**
 * A copy of an error that a codec, a schema or a `toJSON` threw, without its message, which may
 * quote the value. What is no Error becomes none.
 */
export function errorWithoutMessage(raw: unknown): Error | undefined {
  if (!(raw instanceof Error)) return undefined
  return like(raw, 'its message is left out, as it may quote the value')
}

/**
 * What a server or a client says, without the arguments of the command, and without the user and
 * the password of an address.
 */
export function redactedText(text: string, args: readonly Argument[] = []): string {
  const plain = text
    .slice(0, LONGEST)
    .replace(/,? *with args beginning with:[^]*$/, '')
    .replace(/(\w:\/\/)\S*@/g, '$1')
  if (args.length === 0) return plain
  const isArgument = (part: string): boolean =>
    part !== '' && args.some((arg) => arg.includes(part))
  let kept = plain
  for (const arg of args)
    if (arg.length >= SHORTEST_ARGUMENT && arg.length <= plain.length * 3)
      kept = kept.replaceAll(arg.toString(), MASK)
  return kept
    .replace(/(['"`])(.*?)\1/g, (quoted, mark: string, inside: string) =>
      isArgument(inside) ? `${mark}${MASK}${mark}` : quoted,
    )
    .replace(/[^\s'"`…,;:()[\]{}]+/g, (word) =>
      word.length >= SHORTEST_PART && isArgument(word) ? MASK : word,
    )
}

/** The rest of a longer text is left out. */
const LONGEST = 1_000
/** A message has shorter ones by chance. */
const SHORTEST_ARGUMENT = 4
const SHORTEST_PART = 5
const MASK = '…'
const DEEPEST = 4

/** What the clients' errors carry. */
interface Carried {
  readonly code?: unknown
  readonly command?: { readonly args?: unknown } | undefined
  readonly errors?: unknown
  /** Of ioredis' ClusterAllFailedError. */
  readonly lastNodeError?: unknown
}

/** Many commands fail with one error; and a copy is not copied again. */
const copies = new WeakMap<Error, Error>()
/** Or each fails with an error of its own that says the same: stacks are slow to read. */
let latest: { readonly raw: Error; readonly copy: Error } | undefined

function copyOf(
  raw: unknown,
  { args, depth }: { readonly args: readonly Argument[]; readonly depth: number },
): Error {
  if (!(raw instanceof Error)) return new Error('what was thrown is no Error')
  const known =
    copies.get(raw) ?? (latest && saysTheSame(raw, latest.raw) ? latest.copy : undefined)
  if (known) return known
  const { command, errors, lastNodeError } = raw as Carried
  const hidden = [...args, ...argumentsOf(command?.args)]
  const inner =
    raw.cause ?? lastNodeError ?? (Array.isArray(errors) ? (errors[0] as unknown) : undefined)
  const cause =
    inner instanceof Error && depth < DEEPEST
      ? copyOf(inner, { args: hidden, depth: depth + 1 })
      : undefined
  const copy = like(raw, redactedText(String(raw.message), hidden) || (cause?.message ?? ''), cause)
  copies.set(raw, copy)
  copies.set(copy, copy)
  if (isPlain(raw)) latest = { raw, copy }
  return copy
}

function saysTheSame(one: Error & Carried, other: Error & Carried): boolean {
  return (
    one.message === other.message &&
    one.name === other.name &&
    one.code === other.code &&
    isPlain(one)
  )
}

function isPlain({ command, cause, errors, lastNodeError }: Error & Carried): boolean {
  return (
    command === undefined &&
    cause === undefined &&
    errors === undefined &&
    lastNodeError === undefined
  )
}

function argumentsOf(args: unknown): Argument[] {
  return Array.isArray(args)
    ? args.flat().filter((one) => typeof one === 'string' || Buffer.isBuffer(one))
    : []
}

/** Another error of the same name and code that was thrown at the same place. */
function like(raw: Error, message: string, cause?: Error): Error {
  const copy = new Error(message, cause && { cause })
  const name = /^[A-Za-z_$][\w$]{0,63}$/.test(raw.name) ? raw.name : 'Error'
  Object.defineProperty(copy, 'name', { value: name, configurable: true, writable: true })
  copy.stack = [message === '' ? name : `${name}: ${message}`, ...framesOf(raw)].join('\n')
  const { code } = raw as Carried
  if (Number.isInteger(code) || (typeof code === 'string' && /^[\w-]{1,64}$/.test(code)))
    Object.assign(copy, { code })
  return copy
}

/** The lines of a stack that say where; those before them repeat the message. */
function framesOf({ stack, message }: Error): string[] {
  const text = String(stack ?? '')
  const start = text.indexOf(message)
  return text
    .slice(start === -1 ? 0 : start + message.length)
    .split('\n')
    .filter((line) => /^ {4}at /.test(line))
}
