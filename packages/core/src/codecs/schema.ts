import type { StandardSchemaV1 } from '@standard-schema/spec'
import { InvalidOptionError } from '../errors.js'
import { errorWithoutMessage } from '../util/redact.js'

/**
 * A Standard Schema whose output is a `T`, such as those of zod, valibot and arktype.
 *
 * Source: https://standardschema.dev
 */
export type Schema<T> = StandardSchemaV1<unknown, T>

/** The result of checking a value. */
export type Checked<T> =
  { readonly value: T; readonly error?: undefined } | { readonly error: Error }

/**
 * Returns `schema` if it is a Standard Schema.
 * @throws {InvalidOptionError} if it is not. The error names `option`.
 */
export function checkSchema<T>(option: string, schema: unknown): Schema<T> {
  if (!isSchema<T>(schema))
    throw new InvalidOptionError(option, 'a Standard Schema (zod, valibot, arktype, …)', schema)
  return schema
}

/**
 * Checks a value that was read. It never throws or rejects: if the schema does, the value does not
 * match. It returns a promise only if the schema does.
 */
export function applySchema<T>(
  schema: Schema<T>,
  value: unknown,
): Checked<T> | Promise<Checked<T>> {
  try {
    const result = schema['~standard'].validate(value)
    return 'then' in result
      ? Promise.resolve(result).then(toChecked).catch(schemaThrew)
      : toChecked(result)
  } catch (cause) {
    return schemaThrew(cause)
  }
}

function isSchema<T>(schema: unknown): schema is Schema<T> {
  // the schemas of arktype are functions
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return false
  const standard = (schema as Partial<Schema<T>>)['~standard']
  return (
    typeof standard === 'object' &&
    standard !== null &&
    standard.version === 1 &&
    typeof standard.validate === 'function'
  )
}

function toChecked<T>(result: StandardSchemaV1.Result<T>): Checked<T> {
  return result.issues === undefined
    ? { value: result.value }
    : { error: new Error(`It does not match its schema: ${pathsOf(result.issues)}.`) }
}

function schemaThrew(cause: unknown): Checked<never> {
  return { error: new Error('Its schema threw.', { cause: errorWithoutMessage(cause) }) }
}

/**
 * Lists the paths that do not match. The values at these paths and the messages of the schema,
 * which may quote them, are left out.
 */
function pathsOf(issues: readonly StandardSchemaV1.Issue[]): string {
  const paths = issues
    .slice(0, 3)
    .map(
      ({ path = [] }) =>
        path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.') ||
        'the value itself',
    )
  return issues.length > 3 ? `${paths.join(', ')} and ${issues.length - 3} more` : paths.join(', ')
}
