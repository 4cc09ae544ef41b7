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
 * The parent of every error this library throws. `code` is stable and meant for `switch`; `message` is meant for people:
 * it says what was tried, on which key, what came, and what to do. Values, passwords and encryption keys never appear in it.
 *
 * @example
 * try { await products.set(42, product) }
 * catch (error) { if (error instanceof CacheError && error.code === 'TIMEOUT') … }
 */
export class CacheError extends Error {
  /**
   * What the class is called, in every copy of this package and in minified code; the `name` of its errors. A class of your own
   * that has one is recognised across copies too.
   */
  static readonly kind: string = 'CacheError'

  /** `instanceof`, also for what another copy of this package threw: one in CommonJS, one in a bundle, another version. */
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

/** Redis could not be reached, or the connection was lost before the reply came: a write may or may not have been done. */
export class ConnectionError extends CacheError {
  static override readonly kind: string = 'ConnectionError'
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: 'CONNECTION', ...details })
  }
}

/** No reply within the deadline: the command may or may not have been done. */
export class CommandTimeoutError extends CacheError {
  static override readonly kind: string = 'CommandTimeoutError'
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: 'TIMEOUT', ...details })
  }
}

/** Redis answered with an error. `code` is Redis' own: `WRONGTYPE`, `OOM`, `NOPERM`, `READONLY`, `NOSCRIPT`, `ERR`, … */
export class ServerError extends CacheError {
  static override readonly kind: string = 'ServerError'

  /** From the text of an error reply, `CODE what happened`. */
  static fromReply(text: string, details: ErrorDetails = {}): ServerError {
    const code = /^[A-Z][A-Z0-9]*(?= |$)/.exec(text)?.[0] ?? 'ERR'
    const about = [details.command, details.key].filter(Boolean).join(' ')
    const advice = code === 'NOPERM' ? '. Allow this user the keys and channels of its namespace, and the commands that "ACL" in the README of @cache/core names' : ''
    return new ServerError(`Redis refused ${about || 'a command'}: ${text}${advice}`, { ...details, code })
  }
}

/**
 * The source was changed (`stored: true`; `result` is what the change answered), and Redis could not be told any more. The old
 * entries expire within `intentTtl`; until then they may be read.
 */
export class CacheWriteError extends CacheError {
  static override readonly kind: string = 'CacheWriteError'
  readonly stored = true
  constructor(
    keys: readonly string[],
    readonly result: unknown,
    intentTtl: number,
    cause: unknown,
  ) {
    super(
      `The source was changed, but Redis did not take note of it for ${someOf(keys)}. What is cached expires within ${intentTtl} ms. Don't repeat the change.`,
      { code: 'CACHE_WRITE', key: keys[0], cause },
    )
  }
}

/** A write was refused before it began: Redis did not take note of it. The source is as it was; try again. */
export class CacheUnavailableError extends CacheError {
  static override readonly kind: string = 'CacheUnavailableError'
  readonly stored = false
  constructor(keys: readonly string[], cause: unknown) {
    const why = cause instanceof Error ? ` ${cause.message}` : ''
    super(`Nothing was written for ${someOf(keys)}: Redis did not take note of the change that was to come.${why}`, { code: 'CACHE_UNAVAILABLE', key: keys[0], cause })
  }
}

/** A value can't be encoded (a cycle, a BigInt in JSON, `undefined`), or is larger than `maxValueBytes`. Nothing was sent. */
export class CodecError extends CacheError {
  static override readonly kind: string = 'CodecError'
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: 'CODEC', ...details })
  }
}

/** A key part is empty, holds control characters, or the whole key is over 8 KiB. Nothing was sent. */
export class InvalidKeyError extends CacheError {
  static override readonly kind: string = 'InvalidKeyError'
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: 'INVALID_KEY', ...details })
  }
}

/** An option is of the wrong type or out of range. Thrown when the thing is created, never later. */
export class InvalidOptionError extends CacheError {
  static override readonly kind: string = 'InvalidOptionError'
  constructor(
    /** The option's name, as a path: `resilience.breaker.failures`. */
    readonly option: string,
    expected: string,
    received: unknown,
  ) {
    super(`Option "${option}" must be ${expected}, but is ${describe(received)}.`, { code: 'INVALID_OPTION' })
  }
}

function isForeign(value: unknown): value is object {
  return typeof value === 'object' && value !== null && BRAND in value
}

/** The kinds of an error's class and of the classes that it extends. */
function kindsOf(error: object): readonly unknown[] {
  const kinds: unknown[] = []
  for (let type: unknown = error.constructor; typeof type === 'function'; type = Object.getPrototypeOf(type)) {
    if (Object.hasOwn(type, 'kind')) kinds.push((type as unknown as { readonly kind: unknown }).kind)
  }
  return kinds
}

function someOf(keys: readonly string[]): string {
  return `${keys.slice(0, 3).join(', ')}${keys.length > 3 ? ` and ${keys.length - 3} more` : ''}`
}

function describe(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'boolean') return String(value)
  if (typeof value === 'number' || typeof value === 'bigint') return `${typeof value} ${value}`
  if (typeof value === 'string') return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value)
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'function' ? 'a function' : 'an object'
}
