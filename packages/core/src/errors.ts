import type { Argument } from './drivers/command.js'
import { redactedError, redactedText } from './util/redact.js'

/** The details of an error: the key or the command concerned, and the cause. */
export interface ErrorDetails {
  readonly code?: string
  readonly key?: string | undefined
  readonly command?: string | undefined
  readonly cause?: unknown
}

/**
 * Marks errors in all copies of this package. It is not part of the types, since the types of two
 * copies would differ then.
 */
const BRAND = Symbol.for('@cache/core/error')

/**
 * The base class of all errors of this library.
 *
 * `code` is stable and meant for `switch`. `message` is meant for people: it says what was tried,
 * on which key, what happened, and what to do. Neither it nor the `cause` that a Redis client made
 * contains values, passwords, encryption keys or tokens. Errors of your own functions (a loader, a
 * store) are passed on as they are.
 *
 * @example
 * try { await products.set(42, product) }
 * catch (error) { if (error instanceof CacheError && error.code === 'TIMEOUT') … }
 */
export class CacheError extends Error {
  /**
   * The name of the class, which is the same in every copy of this package and in minified code. It
   * is the `name` of its errors. If your own subclass has one, it is recognised across copies too.
   */
  static readonly kind: string = 'CacheError'

  /**
   * Makes `instanceof` work for errors of another copy of this package: in CommonJS, in a bundle,
   * or of another version.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true
    return (
      isOfAnotherCopy(value) && Object.hasOwn(this, 'kind') && kindsOf(value).includes(this.kind)
    )
  }

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
  }

  readonly code: string
  readonly key: string | undefined
  readonly command: string | undefined

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.kind
    this.code = details.code ?? 'CACHE'
    this.key = details.key
    this.command = details.command
  }
}

/**
 * Redis could not be reached, or the connection was lost before the reply arrived. A write may or
 * may not have been executed.
 */
export class ConnectionError extends CacheError {
  static override readonly kind: string = 'ConnectionError'
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: 'CONNECTION', ...withRedactedCause(details) })
  }
}

/** There was no reply within the deadline. The command may or may not have been executed. */
export class CommandTimeoutError extends CacheError {
  static override readonly kind: string = 'CommandTimeoutError'
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: 'TIMEOUT', ...withRedactedCause(details) })
  }
}

/** The details of an error reply. */
export interface ReplyDetails extends ErrorDetails {
  /**
   * The arguments of the command that are not keys. If the text of the reply repeats them, they are
   * replaced.
   */
  readonly args?: readonly Argument[] | undefined
}

/**
 * Redis replied with an error. `code` is the code of Redis: `WRONGTYPE`, `OOM`, `NOPERM`,
 * `READONLY`, `NOSCRIPT`, `ERR`, …
 */
export class ServerError extends CacheError {
  static override readonly kind: string = 'ServerError'

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, withRedactedCause(details))
  }

  /** Creates an error from the text of an error reply, `CODE message`. */
  static fromReply(reply: string, { args = [], ...details }: ReplyDetails = {}): ServerError {
    const text = redactedText(reply, args)
    const replyCode = /^[A-Z][A-Z0-9]*(?= |$)/.exec(reply)?.[0] ?? 'ERR'
    // The error of a script may consist of an argument and nothing else, which must not become the
    // code.
    const code = replyCode === reply && replyCode !== text ? 'ERR' : replyCode
    const subject = [details.command, details.key].filter(Boolean).join(' ')
    const advice =
      code === 'NOPERM'
        ? '. Allow this user the keys and channels of its namespace, and the commands ' +
          'that "ACL" in the README of @cache/core names'
        : ''
    return new ServerError(`Redis refused ${subject || 'a command'}: ${text}${advice}`, {
      ...details,
      code,
    })
  }
}

/**
 * The source was changed (`stored: true`, and `result` is the result of the change), but Redis
 * could not be informed. The old entries may still be read; they expire within `intentTtl`.
 */
export class CacheWriteError extends CacheError {
  static override readonly kind: string = 'CacheWriteError'
  readonly stored = true
  readonly #result: unknown
  constructor(keys: readonly string[], result: unknown, intentTtl: number, cause: unknown) {
    super(
      `The source was changed, but Redis could not be informed for ${someOf(keys)}. ` +
        `The cached entries expire within ${intentTtl} ms. Do not repeat the change.`,
      { code: 'CACHE_WRITE', key: keys[0], cause },
    )
    this.#result = result
  }

  /** The result of the change. It is not shown when the error is printed. */
  get result(): unknown {
    return this.#result
  }
}

/**
 * A write was refused before it began, because Redis could not be informed. The source was not
 * changed; try again.
 */
export class CacheUnavailableError extends CacheError {
  static override readonly kind: string = 'CacheUnavailableError'
  readonly stored = false
  constructor(keys: readonly string[], cause: unknown) {
    const reason = cause instanceof CacheError ? ` ${cause.message}` : ''
    super(
      `Nothing was written for ${someOf(keys)}: ` +
        `Redis could not be informed of the change beforehand.${reason}`,
      { code: 'CACHE_UNAVAILABLE', key: keys[0], cause },
    )
  }
}

/**
 * A value cannot be encoded (a cycle, a function, an instance of a class), or is larger than
 * `maxValueBytes`. The message names the path to what cannot be encoded, if the codec tells it.
 * Nothing was sent.
 */
export class CodecError extends CacheError {
  static override readonly kind: string = 'CodecError'
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: 'CODEC', ...details })
  }
}

/**
 * A part of a key is empty or contains control characters, or the whole key is over 8 KiB. Nothing
 * was sent.
 */
export class InvalidKeyError extends CacheError {
  static override readonly kind: string = 'InvalidKeyError'
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: 'INVALID_KEY', ...details })
  }
}

/**
 * An option has the wrong type or is out of range. It is thrown when an object is created, never
 * later.
 */
export class InvalidOptionError extends CacheError {
  static override readonly kind: string = 'InvalidOptionError'
  constructor(
    /** The path of the option: `resilience.breaker.failures`. */
    readonly option: string,
    expected: string,
    /**
     * The value that was received. Of a text, only the length is shown, since it may be a secret in
     * the wrong place. If this is left out, nothing is shown.
     */
    ...received: [received?: unknown]
  ) {
    const receivedText = received.length === 0 ? '' : `, but is ${describe(received[0])}`
    super(`Option "${option}" must be ${expected}${receivedText}.`, { code: 'INVALID_OPTION' })
  }
}

/**
 * An object was used in a way that it does not allow: a method was called at the wrong time, or
 * twice. Its code is `USAGE`. Unlike an outage, this is a mistake in the calling code.
 */
export class UsageError extends CacheError {
  static override readonly kind: string = 'UsageError'
  constructor(message: string) {
    super(message, { code: 'USAGE' })
  }
}

/**
 * Calls `make`, which creates a part of something larger, such as one policy of a limiter. The
 * message of an `InvalidOptionError` then begins with the name of the part.
 *
 * @example inPart('gcra', () => gcra({})) // gcra: option "limit" must be a whole number …
 */
export function inPart<T>(part: string, make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (error instanceof InvalidOptionError && error.message.startsWith('Option ')) {
      const message = `${part}: o${error.message.slice(1)}`
      error.stack = error.stack?.replace(error.message, () => message) ?? ''
      error.message = message
    }
    throw error
  }
}

/**
 * Describes any error in a sentence that a message may show. For our errors it is the message,
 * which contains no values. For other errors it is the name and the code, since their messages may
 * quote values.
 *
 * @example summaryOf(new RangeError('hunter2 is out of range')) // 'RangeError.'
 */
export function summaryOf(error: unknown): string {
  if (error instanceof CacheError) return error.message
  if (!(error instanceof Error)) return `Not an Error, but of type ${typeof error}.`
  const { name, code } = redactedError(error) as Error & { readonly code?: string | number }
  return code === undefined ? `${name}.` : `${name} ${code}.`
}

function withRedactedCause(details: ErrorDetails): ErrorDetails {
  const { cause } = details
  return cause === undefined || cause instanceof CacheError
    ? details
    : { ...details, cause: redactedError(cause) }
}

function isOfAnotherCopy(value: unknown): value is object {
  return typeof value === 'object' && value !== null && BRAND in value
}

/** Returns the kinds of the class of an error and of its base classes. */
function kindsOf(error: object): readonly unknown[] {
  const kinds: unknown[] = []
  for (
    let type: unknown = error.constructor;
    typeof type === 'function';
    type = Object.getPrototypeOf(type)
  ) {
    if (Object.hasOwn(type, 'kind'))
      kinds.push((type as unknown as { readonly kind: unknown }).kind)
  }
  return kinds
}

function someOf(keys: readonly string[]): string {
  return `${keys.slice(0, 3).join(', ')}${keys.length > 3 ? ` and ${keys.length - 3} more` : ''}`
}

function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value)
  if (typeof value === 'number' || typeof value === 'bigint') return `${typeof value} ${value}`
  if (typeof value === 'string')
    return AMOUNT.test(value) ? JSON.stringify(value) : `a string of ${value.length} characters`
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'function' ? 'a function' : 'an object'
}

/** A text that cannot be a secret: empty, a number, a duration or a size. */
const AMOUNT = /^(-?\d{0,9}(\.\d{1,9})? ?(ms|[smhdb]|[kmg]b)?)?$/i
