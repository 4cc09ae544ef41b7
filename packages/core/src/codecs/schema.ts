import type { StandardSchemaV1 } from '@standard-schema/spec'
import { InvalidOptionError } from '../errors.js'
import { errorWithoutMessage } from '../util/redact.js'

/**
 * Any Standard Schema that ends in a `T`: of zod, valibot, arktype, …
 *
 * Source: https://standardschema.dev
 */
export type Schema<T> = StandardSchemaV1<unknown, T>

/** What a schema made of a value. */
export type Checked<T> =
  { readonly value: T; readonly error?: undefined } | { readonly error: Error }

/** `schema` if it is one. @throws {InvalidOptionError} naming `option`. */
export function checkSchema<T>(option: string, schema: unknown): Schema<T> {
  if (!isSchema<T>(schema))
    throw new InvalidOptionError(option, 'a Standard Schema (zod, valibot, arktype, …)', schema)
  return schema
}

/**
 * Checks a value that was read. Never throws or rejects: a schema that does is a value that does
 * not fit. A promise only where the schema answers with one.
 */
export function applySchema<T>(
  schema: Schema<T>,
  value: unknown,
): Checked<T> | Promise<Checked<T>> {
  try {
    const result = schema['~standard'].validate(value)
    return 'then' in result ? Promise.resolve(result).then(outcome).catch(unfit) : outcome(result)
  } catch (cause) {
    return unfit(cause)
  }
}

function isSchema<T>(schema: unknown): schema is Schema<T> {
  // arktype's schemas are functions
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return false
  const standard = (schema as Partial<Schema<T>>)['~standard']
  return (
    typeof standard === 'object' &&
    standard !== null &&
    standard.version === 1 &&
    typeof standard.validate === 'function'
  )
}

function outcome<T>(result: StandardSchemaV1.Result<T>): Checked<T> {
  return result.issues === undefined
    ? { value: result.value }
    : { error: new Error(`It does not fit its schema: ${places(result.issues)}.`) }
}

function unfit(cause: unknown): Checked<never> {
  return { error: new Error('Its schema threw.', { cause: errorWithoutMessage(cause) }) }
}

/**
 * Where it does not fit. What is there instead stays out of messages, and so do the schema's own,
 * which may quote it.
 */
function places(issues: readonly StandardSchemaV1.Issue[]): string {
  const paths = issues
    .slice(0, 3)
    .map(
      ({ path = [] }) =>
        path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.') ||
        'the value itself',
    )
  return issues.length > 3 ? `${paths.join(', ')} and ${issues.length - 3} more` : paths.join(', ')
}
