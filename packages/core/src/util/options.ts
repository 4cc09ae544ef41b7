import { parseDuration, parseTtl, type Duration, type Ttl } from './duration.js'
import { InvalidOptionError } from '../errors.js'
import { parseSize, type Size } from './size.js'

/**
 * Checks the options of a factory at run time, as its types do at compile time. An invalid option
 * throws an `InvalidOptionError` with the whole path of the option. Each method returns the checked
 * value, or `fallback` if the option is missing.
 *
 * @example
 * const check = checkOptions('createAside', options, ['client', 'ttl', 'jitter'])
 * const ttl = check.duration('ttl')                      // required
 * const jitter = check.number('jitter', { min: 0, max: 1 }, 0)
 */
export function checkOptions(
  owner: string,
  options: unknown,
  known: readonly string[],
): OptionChecks {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new InvalidOptionError(owner, 'an object of options', options)
  const checks = new OptionChecks('', options as Record<string, unknown>)
  checks.only(known)
  return checks
}

/**
 * Checks that an argument of a call is a function, and returns it.
 *
 * @throws {InvalidOptionError} naming the argument.
 */
export function requireFunction<F>(name: string, value: F, expected = 'a function'): F {
  if (typeof value !== 'function') throw new InvalidOptionError(name, expected, value)
  return value
}

interface Range {
  readonly min?: number
  readonly max?: number
  readonly integer?: boolean
}

/**
 * The options of one factory. Each method checks one option and returns it or its default, and
 * throws an `InvalidOptionError` that names the option if it is invalid. `checkOptions` creates it,
 * and refuses unknown names.
 */
export class OptionChecks {
  readonly #path: string
  readonly #options: Record<string, unknown>

  constructor(path: string, options: Record<string, unknown>) {
    this.#path = path
    this.#options = options
  }

  /** Refuses unknown names: a misspelt option would be ignored silently otherwise. */
  only(known: readonly string[]): void {
    for (const name of Object.keys(this.#options)) {
      if (!known.includes(name))
        throw new InvalidOptionError(
          this.#name(isWord(name) ? name : '?'),
          `one of ${known.join(', ')}`,
        )
    }
  }

  has(name: string): boolean {
    return this.#options[name] !== undefined
  }

  is(name: string, value: unknown): boolean {
    return this.#options[name] === value
  }

  fail(name: string, expected: string): never {
    throw new InvalidOptionError(this.#name(name), expected, this.#options[name])
  }

  duration(name: string): number
  duration<O>(name: string, fallback: O): number | O
  duration<O>(name: string, ...fallback: [O?]): number | O | undefined {
    if (!this.has(name) && fallback.length > 0) return fallback[0]
    return parseDuration(this.#options[name] as Duration, this.#name(name))
  }

  /** Returns a ttl in ms. `'never'` is `Infinity`. */
  ttl(name: string): number
  ttl<O>(name: string, fallback: O): number | O
  ttl<O>(name: string, ...fallback: [O?]): number | O | undefined {
    if (!this.has(name) && fallback.length > 0) return fallback[0]
    return parseTtl(this.#options[name] as Ttl, this.#name(name))
  }

  /** Returns a size in bytes. */
  size(name: string, fallback: Size): number {
    return parseSize(this.has(name) ? (this.#options[name] as Size) : fallback, this.#name(name))
  }

  number(name: string, range: Range, ...fallback: [number?]): number {
    const value = this.has(name) || fallback.length === 0 ? this.#options[name] : fallback[0]
    const { min = -Infinity, max = Infinity, integer = false } = range
    const isValid =
      typeof value === 'number' &&
      value >= min &&
      value <= max &&
      (!integer || Number.isSafeInteger(value))
    if (!isValid)
      this.fail(name, `${integer ? 'a whole number' : 'a number'}${describeRange(range)}`)
    return value
  }

  oneOf<const V extends string | boolean>(
    name: string,
    values: readonly V[],
    ...fallback: [V?]
  ): V {
    const value = this.has(name) || fallback.length === 0 ? this.#options[name] : fallback[0]
    if (!values.includes(value as V))
      this.fail(name, `one of ${values.map((v) => JSON.stringify(v)).join(', ')}`)
    return value as V
  }

  string(name: string, ...fallback: [string?]): string {
    const value = this.has(name) || fallback.length === 0 ? this.#options[name] : fallback[0]
    if (typeof value !== 'string' || value === '') this.fail(name, 'a non-empty string')
    return value
  }

  function<F>(name: string, required: 'required'): F
  function<F>(name: string): F | undefined
  function(name: string, required?: 'required'): unknown {
    if (!this.has(name) && required === undefined) return undefined
    if (typeof this.#options[name] !== 'function') this.fail(name, 'a function')
    return this.#options[name]
  }

  /** Returns an object that must have these methods, such as a client, a codec or a bus. */
  shaped<S>(name: string, methods: readonly string[], expected: string): S {
    const value = this.#options[name] as Record<string, unknown> | null | undefined
    const isValid =
      (typeof value === 'object' || typeof value === 'function') &&
      value !== null &&
      methods.every((method) => typeof value[method] === 'function')
    if (!isValid) this.fail(name, expected)
    return value as S
  }

  /** Returns the checks of a nested object of options, which is empty if it is missing. */
  nested(name: string, known: readonly string[]): OptionChecks {
    const value = this.has(name) ? this.#options[name] : {}
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      this.fail(name, 'an object of options')
    const checks = new OptionChecks(this.#name(name), value as Record<string, unknown>)
    checks.only(known)
    return checks
  }

  #name(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`
  }
}

/**
 * Returns whether a name can be a misspelt option. Otherwise it may be a secret in the wrong place.
 */
function isWord(name: string): boolean {
  return /^[a-z_$][\w$-]{0,29}$/i.test(name)
}

function describeRange({ min, max }: Range): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`
  if (min !== undefined) return ` of at least ${min}`
  return max === undefined ? '' : ` of at most ${max}`
}
