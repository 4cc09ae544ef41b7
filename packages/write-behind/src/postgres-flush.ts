import { InvalidOptionError } from '@cache/core'
import { checkOptions } from '@cache/core/internal'
import type { WriteId } from './partitions.js'
import type { Flush, PendingWrite } from './worker/flush.js'

/** The values of a row, by column. */
export type PostgresRow = Readonly<Record<string, unknown>>

export interface PostgresFlushOptions<T, Id extends WriteId> {
  /**
   * What statements are sent with: a `Pool` or `Client` of pg, a PGlite, or anything with their
   * `query`.
   */
  readonly client: { query(text: string, values: any[]): Promise<unknown> }
  /** The table, with its schema where it needs one: `'users'`, `'shop.users'`. */
  readonly table: string
  /**
   * The columns that a value fills, and their types: `{ name: 'text', visits: 'int', tags: 'jsonb'
   * }`.
   */
  readonly columns: Readonly<Record<string, string>>
  /** Makes the columns of a value. Default: the value's properties of their names. */
  readonly row?: (value: T, write: PendingWrite<T, Id>) => PostgresRow
  /**
   * The column of the id, which must be unique, and its type. Default `{ column: 'id', type: 'text'
   * }`.
   */
  readonly id?: { readonly column?: string; readonly type?: string }
  /** The column of the sequence, a bigint. Default `'sequence'`. */
  readonly sequence?: string
  /**
   * A boolean column that a `delete` sets, while the row stays. Default: the row is removed, and
   * with it the sequence that refuses an older write of the id which comes late from a worker that
   * was replaced. With this column, a `delete` of a row that is not there inserts one with nothing
   * but its id and sequence: all other columns must be nullable or have a default.
   */
  readonly deleted?: string
}

const names = ['client', 'table', 'columns', 'row', 'id', 'sequence', 'deleted'] as const

/**
 * A `flush` that brings a batch to a Postgres table in one statement. A row takes only writes whose
 * sequence is above its own, so a write that comes twice, or late, changes nothing. An existing row
 * without a sequence takes any.
 *
 * The batch is sent as JSON, so the columns may have any type that Postgres makes of JSON. If
 * Postgres refuses it, all of it is refused: the worker then finds the writes that are at fault.
 *
 * @throws {InvalidOptionError} naming the option.
 * @example
 * const flush = postgresFlush<User>({ client: pool, table: 'users', columns: { name: 'text', visits: 'int' } })
 * const worker = createWriteBehindWorker({ client, name: 'users', flush })
 */
export function postgresFlush<T, Id extends WriteId = string>(
  options: PostgresFlushOptions<T, Id>,
): Flush<T, Id> {
  const check = checkOptions('postgresFlush', options, names)
  check.shaped('client', ['query'], 'a Pool or Client of pg, or a PGlite')
  const row =
    check.function<(value: T, write: PendingWrite<T, Id>) => PostgresRow>('row') ??
    ((value: T) => value as PostgresRow)
  const columns = Object.keys(checkColumns(options.columns))
  const statement = statementOf(options, check)
  const { client } = options

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
    await client.query(statement, [JSON.stringify(rows)])
  }
}

function statementOf<T, Id extends WriteId>(
  { table, columns, id = {}, sequence = 'sequence', deleted }: PostgresFlushOptions<T, Id>,
  check: ReturnType<typeof checkOptions>,
): string {
  if (typeof table !== 'string') check.fail('table', 'the name of a table')
  const own = check.nested('id', ['column', 'type'])
  const into = table
    .split('.')
    .map((part) => quoted('table', part))
    .join('.')
  const key = quoted('id.column', own.has('column') ? id.column : 'id')
  const version = quoted('sequence', sequence)
  const target = Object.keys(columns).map((column) => quoted('columns', column))
  const types = Object.entries(columns).map(
    ([column, type], i) => `c${i} ${checkType(`columns.${column}`, type)}`,
  )
  const flag = deleted === undefined ? undefined : quoted('deleted', deleted)
  const filled = [key, ...target, version]
  const changed = [
    ...filled.slice(1).map((column) => `${column} = excluded.${column}`),
    ...(flag ? [`${flag} = false`] : []),
  ]
  const removed = flag
    ? `update ${into} t set ${flag} = true, ${version} = r.sequence from r`
    : `delete from ${into} t using r`
  // A row that is not there is inserted, for its sequence. One that is there is not: its other
  // columns may have to be filled.
  const inserted = flag
    ? `,
inserted as (insert into ${into} as t (${key}, ${version}, ${flag})
select r.id, r.sequence, true from r where r.deleted and not exists (select from ${into} t where t.${key} = r.id)
on conflict (${key}) do update set ${flag} = true, ${version} = excluded.${version}
where coalesce(t.${version}, 0) < excluded.${version})`
    : ''
  return `with r as (select * from json_to_recordset($1::text::json) as x(id ${checkType('id.type', own.has('type') ? id.type : 'text')}, ${[...types, 'sequence bigint', 'deleted boolean'].join(', ')})),
removed as (${removed} where r.deleted and t.${key} = r.id and coalesce(t.${version}, 0) < r.sequence)${inserted}
insert into ${into} as t (${filled.join(', ')})
select ${['r.id', ...target.map((_, i) => `r.c${i}`), 'r.sequence'].join(', ')} from r where not r.deleted
on conflict (${key}) do update set ${changed.join(', ')}
where coalesce(t.${version}, 0) < excluded.${version}`
}

function checkColumns(columns: unknown): Record<string, string> {
  const fits =
    typeof columns === 'object' &&
    columns !== null &&
    !Array.isArray(columns) &&
    Object.keys(columns).length > 0
  if (!fits)
    throw new InvalidOptionError(
      'columns',
      "an object from column names to types: { name: 'text' }",
      columns,
    )
  return columns as Record<string, string>
}

function quoted(option: string, name: unknown): string {
  if (typeof name !== 'string' || name === '' || name.includes('\0'))
    throw new InvalidOptionError(option, 'the name of a column or table', name)
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * A type is part of the statement, so it may hold nothing else: `text`, `numeric(10, 2)`,
 * `timestamp with time zone`, `shop.mood`, `text[]`.
 */
function checkType(option: string, type: unknown): string {
  if (
    typeof type !== 'string' ||
    !/^[a-z_][a-z0-9_.]*( [a-z]+)*(\(\d+(, ?\d+)?\))?( [a-z]+)*(\[\])*$/i.test(type)
  )
    throw new InvalidOptionError(option, 'a Postgres type, such as text or numeric(10, 2)', type)
  return type
}
