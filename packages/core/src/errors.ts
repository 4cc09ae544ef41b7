import type { Argument } from './drivers/command.js'
import { redactedError, redactedText } from './util/redact.js'

/** Where an error happened: the key or the command concerned, and what caused it. */
export interface ErrorDetails {
  readonly code?: string
  readonly key?: string | undefined
  readonly command?: string | undefined
  readonly cause?: unknown
}

/** Marks the errors of every copy. Not in the types, where it would tell the copies apart. */
const BRAND = Symbol.for('@cache/core/error')

/**
 * The parent of every error this library throws. `code` is stable and meant for `switch`; `message`
 * is meant for people: it says what was tried, on which key, what came, and what to do. Values,
 * passwords, encryption keys and tokens never appear in it, nor in a `cause` that a Redis client
 * made. What your own functions throw (a loader, a store) is passed on as it is.
 *
 * @example
 * try { await products.set(42, product) }
 * catch (error) { if (error instanceof CacheError && error.code === 'TIMEOUT') … }
 */
export class CacheError extends Error {
  /**
   * What the class is called, in every copy of this package and in minified code; the `name` of its
   * errors. A class of your own that has one is recognised across copies too.
   */
  static readonly kind: string = 'CacheError'

  /**
   * `instanceof`, also for what another copy of this package threw: one in CommonJS, one in a
   * bundle, another version.
   */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true
    return isForeign(value) && Object.hasOwn(this, 'kind') && kindsOf(value).includes(this.kind)
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
 * Redis could not be reached, or the connection was lost before the reply came: a write may or may
 * not have been done.
 */
export class ConnectionError extends CacheError {
  static override readonly kind: string = 'ConnectionError'
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: 'CONNECTION', ...withRedactedCause(details) })
  }
}

/** No reply within the deadline: the command may or may not have been done. */
export class CommandTimeoutError extends CacheError {
  static override readonly kind: string = 'CommandTimeoutError'
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: 'TIMEOUT', ...withRedactedCause(details) })
  }
}

/** Where an error reply came from. */
export interface ReplyDetails extends ErrorDetails {
  /**
   * The arguments of the command that are no keys. What the text of the reply repeats of them is
   * left out.
   */
  readonly args?: readonly Argument[] | undefined
}

/**
 * Redis answered with an error. `code` is Redis' own: `WRONGTYPE`, `OOM`, `NOPERM`, `READONLY`,
 * `NOSCRIPT`, `ERR`, …
 */
export class ServerError extends CacheError {
  static override readonly kind: string = 'ServerError'

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, withRedactedCause(details))
  }

  /** From the text of an error reply, `CODE what happened`. */
  static fromReply(reply: string, { args = [], ...details }: ReplyDetails = {}): ServerError {
    const text = redactedText(reply, args)
    const said = /^[A-Z][A-Z0-9]*(?= |$)/.exec(reply)?.[0] ?? 'ERR'
    // the error of a script may be an argument, and nothing else
    const code = said === reply && said !== text ? 'ERR' : said
    const about = [details.command, details.key].filter(Boolean).join(' ')
    const advice =
      code === 'NOPERM'
        ? '. Allow this user the keys and channels of its namespace, and the commands that "ACL" in the README of @cache/core names'
        : ''
    return new ServerError(`Redis refused ${about || 'a command'}: ${text}${advice}`, {
      ...details,
      code,
    })
  }
}

/**
 * The source was changed (`stored: true`; `result` is what the change answered), and Redis could
 * not be told any more. The old entries expire within `intentTtl`; until then they may be read.
 */
export class CacheWriteError extends CacheError {
  static override readonly kind: string = 'CacheWriteError'
  readonly stored = true
  readonly #result: unknown
  constructor(keys: readonly string[], result: unknown, intentTtl: number, cause: unknown) {
    super(
      `The source was changed, but Redis did not take note of it for ${someOf(keys)}. What is cached expires within ${intentTtl} ms. Don't repeat the change.`,
      { code: 'CACHE_WRITE', key: keys[0], cause },
    )
    this.#result = result
  }

  /** What the change answered. It is not shown where the error is printed. */
  get result(): unknown {
    return this.#result
  }
}

/**
 * A write was refused before it began: Redis did not take note of it. The source is as it was; try
 * again.
 */
export class CacheUnavailableError extends CacheError {
  static override readonly kind: string = 'CacheUnavailableError'
  readonly stored = false
  constructor(keys: readonly string[], cause: unknown) {
    const why = cause instanceof CacheError ? ` ${cause.message}` : ''
    super(
      `Nothing was written for ${someOf(keys)}: Redis did not take note of the change that was to come.${why}`,
      { code: 'CACHE_UNAVAILABLE', key: keys[0], cause },
    )
  }
}

/**
 * A value can't be encoded (a cycle, a BigInt in JSON, `undefined`), or is larger than
 * `maxValueBytes`. Nothing was sent.
 */
export class CodecError extends CacheError {
  static override readonly kind: string = 'CodecError'
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: 'CODEC', ...details })
  }
}

/**
 * A key part is empty, holds control characters, or the whole key is over 8 KiB. Nothing was sent.
 */
export class InvalidKeyError extends CacheError {
  static override readonly kind: string = 'InvalidKeyError'
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: 'INVALID_KEY', ...details })
  }
}

/**
 * An option is of the wrong type or out of range. Thrown when the thing is created, never later.
 */
export class InvalidOptionError extends CacheError {
  static override readonly kind: string = 'InvalidOptionError'
  constructor(
    /** The option's name, as a path: `resilience.breaker.failures`. */
    readonly option: string,
    expected: string,
    /**
     * What came instead. Of text only its length is told, as it may be a secret in the wrong place.
     * Nothing is told where it is left out.
     */
    ...received: [received?: unknown]
  ) {
    const what = received.length === 0 ? '' : `, but is ${describe(received[0])}`
    super(`Option "${option}" must be ${expected}${what}.`, { code: 'INVALID_OPTION' })
  }
}

/**
 * A sentence that a message may say of any error: of one of ours its message, in which there are no
 * values; of another its name and code, since its message may quote what it failed on.
 *
 * @example summaryOf(new RangeError('hunter2 is out of range')) // 'RangeError.'
 */
export function summaryOf(error: unknown): string {
  if (error instanceof CacheError) return error.message
  if (!(error instanceof Error)) return `No Error, but of type ${typeof error}.`
  const { name, code } = redactedError(error) as Error & { readonly code?: string | number }
  return code === undefined ? `${name}.` : `${name} ${code}.`
}

function withRedactedCause(details: ErrorDetails): ErrorDetails {
  const { cause } = details
  return cause === undefined || cause instanceof CacheError
    ? details
    : { ...details, cause: redactedError(cause) }
}

function isForeign(value: unknown): value is object {
  return typeof value === 'object' && value !== null && BRAND in value
}

/** The kinds of an error's class and of the classes that it extends. */
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
    return AN_AMOUNT.test(value) ? JSON.stringify(value) : `a string of ${value.length} characters`
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'function' ? 'a function' : 'an object'
}

/** Text that is no secret: nothing, a number, a duration or a size. */
const AN_AMOUNT = /^(-?\d{0,9}(\.\d{1,9})? ?(ms|[smhdb]|[kmg]b)?)?$/i
