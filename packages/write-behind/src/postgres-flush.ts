import { InvalidOptionError } from '@cache/core'
import {
  functionOption,
  givenOption,
  groupOption,
  objectOption,
  readOptions,
  required,
  type CheckedOptions,
  type OptionTable,
} from '@cache/core/internal'
import type { WriteId } from './partitions.js'
import { postgresJson } from './postgres-json.js'
import type { Flush, PendingWrite } from './worker/flush.js'

/** The values of a row by column. */
export type PostgresRow = Readonly<Record<string, unknown>>

/** Options of `postgresFlush`. */
export interface PostgresFlushOptions<T, Id extends WriteId> {
  /**
   * Sends the statements: a `Pool` or `Client` of pg, a PGlite, or any object with their `query`.
   */
  readonly client: { query(text: string, values: any[]): Promise<unknown> }
  /** The table, with its schema if necessary: `'users'`, `'shop.users'`. */
  readonly table: string
  /**
   * The columns that a value fills, with their types:
   * `{ name: 'text', visits: 'int', tags: 'jsonb' }`. They may have any type that Postgres can read
   * from JSON. A BigInt, a Date and bytes fit into `bigint`, `timestamptz` and `bytea`. A Map, a
   * Set, a RegExp or an Error makes a write a dead letter: convert it with `row`.
   */
  readonly columns: Readonly<Record<string, string>>
  /** Returns the columns of a value. Default: the properties of the value with their names. */
  readonly row?: (value: T, write: PendingWrite<T, Id>) => PostgresRow
  /**
   * The column of the id, which must be unique, and its type.
   * Default `{ column: 'id', type: 'text' }`.
   */
  readonly id?: { readonly column?: string; readonly type?: string }
  /** The column of the sequence, a bigint. Default `'sequence'`. */
  readonly sequence?: string
  /**
   * A boolean column that a `delete` sets while the row stays. A `delete` of a row that does not
   * exist inserts one with only its id and sequence, so all other columns must be nullable or have
   * a default.
   *
   * Without this option, the row is removed, and its sequence with it. An older write of the id
   * that arrives late from a replaced worker may then bring the row back.
   */
  readonly deleted?: string
}

/** The rows of `PostgresFlushOptions`. */
const postgresOptions = {
  client: objectOption(['query'], 'a Pool or Client of pg, or a PGlite', required),
  table: givenOption(),
  columns: givenOption(),
  row: functionOption(),
  id: groupOption({ column: givenOption('id'), type: givenOption('text') }),
  sequence: givenOption('sequence'),
  deleted: givenOption(),
} satisfies OptionTable<PostgresFlushOptions<any, any>>

/**
 * Returns a `flush` that writes a batch to a Postgres table in one statement. A row accepts only
 * writes whose sequence is above its own, so a write that arrives twice or late changes nothing. A
 * row without a sequence accepts any write.
 *
 * The batch is sent as JSON, so a column may have any type that Postgres can read from JSON. A
 * BigInt, NaN and ±Infinity are sent as text, which numeric columns accept, a Date as ISO 8601, and
 * bytes as the text of a `bytea`. A Map, a Set, a RegExp and an Error are refused: convert them
 * with `row`. If Postgres refuses one row, it refuses the whole batch, and the worker finds the
 * writes at fault.
 *
 * @throws {InvalidOptionError} if an option is wrong. It names the option.
 * @example
 * const flush = postgresFlush<User>({
 *   client: pool, table: 'users', columns: { name: 'text', visits: 'int' },
 * })
 * const worker = createWriteBehindWorker({ client, prefix: 'users', flush })
 */
export function postgresFlush<T, Id extends WriteId = string>(
  options: PostgresFlushOptions<T, Id>,
): Flush<T, Id> {
  const checked = readOptions('postgresFlush', postgresOptions, options)
  const { client, row = (value: T) => value as PostgresRow } = checked
  const columns = Object.keys(checkColumns(checked.columns))
  const statement = createStatement(checked)

  return async (writes) => {
    const latest = new Map<Id, PendingWrite<T, Id>>()
    for (const write of writes)
      if (!(write.sequence < (latest.get(write.id)?.sequence ?? 0))) latest.set(write.id, write)
    const rows = [...latest.values()].map((write) => {
      const values = write.value === null ? {} : row(write.value, write)
      return {
        ...Object.fromEntries(columns.map((column, i) => [`c${i}`, values[column] ?? null])),
        id: write.id,
        sequence: write.sequence,
        deleted: write.value === null,
      }
    })
    await client.query(statement, [postgresJson(rows)])
  }
}

function createStatement<T, Id extends WriteId>({
  table,
  columns,
  id,
  sequence,
  deleted,
}: CheckedOptions<typeof postgresOptions, PostgresFlushOptions<T, Id>>): string {
  if (typeof table !== 'string') throw new InvalidOptionError('table', 'the name of a table', table)
  const target = table
    .split('.')
    .map((part) => quoteName('table', part))
    .join('.')
  const idColumn = quoteName('id.column', id.column)
  const idType = checkType('id.type', id.type)
  const sequenceColumn = quoteName('sequence', sequence)
  const valueColumns = Object.keys(columns).map((column) => quoteName('columns', column))
  const valueTypes = Object.entries(columns).map(
    ([column, type], i) => `c${i} ${checkType(`columns.${column}`, type)}`,
  )
  const flag = deleted === undefined ? undefined : quoteName('deleted', deleted)

  const recordTypes = [`id ${idType}`, ...valueTypes, 'sequence bigint', 'deleted boolean']
  const insertedColumns = [idColumn, ...valueColumns, sequenceColumn]
  const insertedValues = ['r.id', ...valueColumns.map((_, i) => `r.c${i}`), 'r.sequence']
  const assignments = [
    ...insertedColumns.slice(1).map((column) => `${column} = excluded.${column}`),
    ...(flag ? [`${flag} = false`] : []),
  ]
  const isNewer = `coalesce(t.${sequenceColumn}, 0) < excluded.${sequenceColumn}`
  const removal = flag
    ? `update ${target} t set ${flag} = true, ${sequenceColumn} = r.sequence from r`
    : `delete from ${target} t using r`
  // A deleted row that does not exist is inserted to keep its sequence. An existing row is updated
  // by `removed` instead, because its other columns may not be nullable.
  const inserted = flag
    ? `,
inserted as (insert into ${target} as t (${idColumn}, ${sequenceColumn}, ${flag})
select r.id, r.sequence, true from r
where r.deleted and not exists (select from ${target} t where t.${idColumn} = r.id)
on conflict (${idColumn})
do update set ${flag} = true, ${sequenceColumn} = excluded.${sequenceColumn}
where ${isNewer})`
    : ''
  return `with r as (
select * from json_to_recordset($1::text::json) as x(${recordTypes.join(', ')})),
removed as (${removal}
where r.deleted and t.${idColumn} = r.id
and coalesce(t.${sequenceColumn}, 0) < r.sequence)${inserted}
insert into ${target} as t (${insertedColumns.join(', ')})
select ${insertedValues.join(', ')} from r where not r.deleted
on conflict (${idColumn}) do update set ${assignments.join(', ')}
where ${isNewer}`
}

function checkColumns(columns: unknown): Record<string, string> {
  const isValid =
    typeof columns === 'object' &&
    columns !== null &&
    !Array.isArray(columns) &&
    Object.keys(columns).length > 0
  if (!isValid)
    throw new InvalidOptionError(
      'columns',
      "an object from column names to types: { name: 'text' }",
      columns,
    )
  return columns as Record<string, string>
}

function quoteName(option: string, name: unknown): string {
  if (typeof name !== 'string' || name === '' || name.includes('\0'))
    throw new InvalidOptionError(option, 'the name of a column or table', name)
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * Returns a type after checking it. A type is part of the statement, so it must not contain
 * anything else. Examples: `text`, `numeric(10, 2)`, `timestamp with time zone`, `shop.mood`,
 * `text[]`.
 */
function checkType(option: string, type: unknown): string {
  if (
    typeof type !== 'string' ||
    !/^[a-z_][a-z0-9_.]*( [a-z]+)*(\(\d+(, ?\d+)?\))?( [a-z]+)*(\[\])*$/i.test(type)
  )
    throw new InvalidOptionError(option, 'a Postgres type, such as text or numeric(10, 2)', type)
  return type
}
