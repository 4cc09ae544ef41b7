import { parseDuration, parseTtl, type Duration, type Ttl } from './duration.js'
import { InvalidOptionError } from '../errors.js'
import { parseSize, type Size } from './size.js'

/**
 * One option in the table of a factory: how its value is checked, and its default. `Checked` is the
 * type of the result; `AsGiven` stands for the type that the interface of the options declares.
 */
export interface Option<Checked> {
  /** Returns the checked value, or the default if the value is `undefined`. */
  check(value: unknown, path: string): Checked
}

/** The result of an option is its value as it was passed. */
export interface AsGiven {
  readonly [AS_GIVEN]: never
}
declare const AS_GIVEN: unique symbol

/**
 * The options of a factory, one row for each member of the interface `Options`. The compiler finds
 * a missing row if the table is declared with `satisfies OptionTable<Options>`.
 */
export type OptionTable<Options> = { readonly [Name in keyof Options]-?: Option<any> }

/** What `readOptions` returns. */
export type CheckedOptions<Table, Options> = {
  readonly [Name in keyof Table]: Table[Name] extends Option<infer Checked>
    ? [Checked] extends [AsGiven]
      ? Name extends keyof Options
        ? Options[Name]
        : never
      : Checked
    : never
}

/** Returns a table without some of its rows, for a factory that does not have these options. */
/* @__NO_SIDE_EFFECTS__ */
export function omitOptions<Table extends object, const Name extends keyof Table & string>(
  table: Table,
  names: readonly Name[],
): Omit<Table, Name> {
  return Object.fromEntries(
    Object.entries(table).filter(([name]) => !names.includes(name as Name)),
  ) as Omit<Table, Name>
}

/** The default of an option that must be passed. */
export const required = Symbol('required')
type Required = typeof required

/**
 * Checks the options of a factory at run time, as its types do at compile time. Returns all options
 * of the table, with their defaults.
 *
 * @throws {InvalidOptionError} naming the whole path of an option that is invalid or unknown.
 * @example
 * const lockOptions = {
 *   ttl: durationOption('10s'),
 *   label: textOption(),
 * } satisfies OptionTable<LockOptions>
 * const { ttl, label } = readOptions('createLock', lockOptions, options)
 */
export function readOptions<const Table extends OptionTable<any>, Options>(
  owner: string,
  table: Table,
  options: Options,
): CheckedOptions<Table, Options> {
  return readTable(table, options, owner, '') as CheckedOptions<Table, Options>
}

function readTable(table: OptionTable<any>, options: unknown, owner: string, path: string): object {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new InvalidOptionError(owner, 'an object of options', options)
  for (const name of Object.keys(options)) {
    // A misspelt option would be ignored silently otherwise.
    if (!Object.hasOwn(table, name))
      throw new InvalidOptionError(
        path + (isWord(name) ? name : '?'),
        `one of ${Object.keys(table).join(', ')}`,
      )
  }
  return Object.fromEntries(
    Object.entries(table).map(([name, option]) => [
      name,
      option.check((options as Record<string, unknown>)[name], path + name),
    ]),
  )
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

/** An option with a check of its own, which throws or returns the checked value. */
/* @__NO_SIDE_EFFECTS__ */
export function customOption<C>(check: (value: unknown, path: string) => C): Option<C> {
  return { check }
}

/** An option that the factory checks itself, such as a prefix, which depends on the client. */
export function givenOption(): Option<AsGiven>
export function givenOption<C>(fallback: C): Option<C>
/* @__NO_SIDE_EFFECTS__ */
export function givenOption(fallback?: unknown): Option<unknown> {
  return { check: (value) => (value === undefined ? fallback : value) }
}

/** A duration. The result is in milliseconds. `false` counts as missing with `allowFalse`. */
export function durationOption(fallback: Duration | Required, rules?: DurationRules): Option<number>
export function durationOption(
  fallback?: undefined,
  rules?: DurationRules,
): Option<number | undefined>
/* @__NO_SIDE_EFFECTS__ */
export function durationOption(
  fallback?: Duration | Required,
  { min = 0, allowFalse = false }: DurationRules = {},
): Option<number | undefined> {
  return withDefault(fallback, (value, path) => {
    if (value === false && allowFalse) return undefined
    const ms = parseDuration(value as Duration, path)
    if (ms < min) throw new InvalidOptionError(path, `a duration of at least ${min} ms`, value)
    return ms
  })
}

interface DurationRules {
  /** The shortest duration, in milliseconds. */
  readonly min?: number
  readonly allowFalse?: boolean
}

/** A ttl. The result is in milliseconds; `'never'` is `Infinity`. */
export function ttlOption(fallback: Ttl | Required): Option<number>
export function ttlOption(): Option<number | undefined>
/* @__NO_SIDE_EFFECTS__ */
export function ttlOption(fallback?: Ttl | Required): Option<number | undefined> {
  return withDefault(fallback, (value, path) => parseTtl(value as Ttl, path))
}

/** A size. The result is in bytes. */
export function sizeOption(fallback: Size): Option<number>
export function sizeOption(): Option<number | undefined>
/* @__NO_SIDE_EFFECTS__ */
export function sizeOption(fallback?: Size): Option<number | undefined> {
  return withDefault(fallback, (value, path) => parseSize(value as Size, path))
}

/** A number in a range. */
export function numberOption(rules: NumberRules, fallback: number | Required): Option<number>
export function numberOption(rules: NumberRules): Option<number | undefined>
/* @__NO_SIDE_EFFECTS__ */
export function numberOption(
  rules: NumberRules,
  fallback?: number | Required,
): Option<number | undefined> {
  const { min = -Infinity, max = Infinity, integer = false } = rules
  return withDefault(fallback, (value, path) => {
    const isValid =
      typeof value === 'number' &&
      value >= min &&
      value <= max &&
      (!integer || Number.isSafeInteger(value))
    if (!isValid)
      throw new InvalidOptionError(
        path,
        `${integer ? 'a whole number' : 'a number'}${describeRange(rules)}`,
        value,
      )
    return value
  })
}

interface NumberRules {
  readonly min?: number
  readonly max?: number
  readonly integer?: boolean
}

/** One of several values. */
export function choiceOption<const V extends string | boolean>(
  values: readonly V[],
  fallback: NoInfer<V> | Required,
): Option<V>
export function choiceOption<const V extends string | boolean>(
  values: readonly V[],
): Option<V | undefined>
/* @__NO_SIDE_EFFECTS__ */
export function choiceOption<V extends string | boolean>(
  values: readonly V[],
  fallback?: V | Required,
): Option<V | undefined> {
  return withDefault<V | undefined>(fallback, (value, path) => {
    if (!values.includes(value as V))
      throw new InvalidOptionError(
        path,
        `one of ${values.map((v) => JSON.stringify(v)).join(', ')}`,
        value,
      )
    return value as V
  })
}

/** `true` or `false`. */
/* @__NO_SIDE_EFFECTS__ */
export function flagOption(fallback: boolean): Option<boolean> {
  return choiceOption([true, false], fallback)
}

/** A text that is not empty. */
export function textOption(fallback: string | Required): Option<string>
export function textOption(): Option<string | undefined>
/* @__NO_SIDE_EFFECTS__ */
export function textOption(fallback?: string | Required): Option<string | undefined> {
  return withDefault(fallback, (value, path) => {
    if (typeof value !== 'string' || value === '')
      throw new InvalidOptionError(path, 'a non-empty string', value)
    return value
  })
}

/** A function. */
export function functionOption(fallback?: Required): Option<AsGiven>
export function functionOption<F extends (...args: never[]) => unknown>(fallback: F): Option<F>
/* @__NO_SIDE_EFFECTS__ */
export function functionOption(fallback?: unknown): Option<unknown> {
  return withDefault(fallback, (value, path) => requireFunction(path, value))
}

/** An object that must have these methods, such as a client, a codec or a bus. */
export function objectOption(
  methods: readonly string[],
  expected: string,
  fallback?: Required,
): Option<AsGiven>
/* @__NO_SIDE_EFFECTS__ */
export function objectOption(
  methods: readonly string[],
  expected: string,
  fallback?: Required,
): Option<unknown> {
  return withDefault<unknown>(fallback, (given, path) => {
    const value = given as Record<string, unknown> | null | undefined
    const isValid =
      (typeof value === 'object' || typeof value === 'function') &&
      value !== null &&
      methods.every((method) => typeof value[method] === 'function')
    if (!isValid) throw new InvalidOptionError(path, expected, given)
    return value
  })
}

/** An `AbortSignal`. */
/* @__NO_SIDE_EFFECTS__ */
export function signalOption(): Option<AbortSignal | undefined> {
  return objectOption(['addEventListener', 'throwIfAborted'], 'an AbortSignal') as Option<any>
}

/** A nested object of options. If it is missing, its options have their defaults. */
/* @__NO_SIDE_EFFECTS__ */
export function groupOption<const Table extends OptionTable<any>>(
  table: Table,
): Option<CheckedOptions<Table, unknown>> {
  return customOption((value, path) => readGroup(table, value === undefined ? {} : value, path))
}

/** Checks a nested object of options. */
export function readGroup<const Table extends OptionTable<any>>(
  table: Table,
  options: unknown,
  path: string,
): CheckedOptions<Table, unknown> {
  return readTable(table, options, path, `${path}.`) as CheckedOptions<Table, unknown>
}

function withDefault<C>(fallback: unknown, check: (value: unknown, path: string) => C): Option<C> {
  return {
    check: (value, path) =>
      value !== undefined || fallback === required
        ? check(value, path)
        : fallback === undefined || typeof fallback === 'function'
          ? (fallback as C)
          : check(fallback, path),
  }
}

/**
 * Returns whether a name can be a misspelt option. Otherwise it may be a secret in the wrong place.
 */
function isWord(name: string): boolean {
  return /^[a-z_$][\w$-]{0,29}$/i.test(name)
}

function describeRange({ min, max }: NumberRules): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`
  if (min !== undefined) return ` of at least ${min}`
  return max === undefined ? '' : ` of at most ${max}`
}
