import { InvalidOptionError } from '@cache/core'
import { is } from 'drizzle-orm'
import {
  PgDialect,
  PgMaterializedView,
  PgTable,
  PgView,
  getMaterializedViewConfig,
  getTableConfig,
  getViewConfig,
} from 'drizzle-orm/pg-core'

/**
 * The tables and views of a schema. Finds the names that a statement mentions, and the tables that
 * change with another one.
 */
export class Tables {
  /** The full names by each spelling in SQL, in lower case. */
  readonly #byWord = new Map<string, Set<string>>()
  /** Spellings that are not a single word, such as `order items`. */
  readonly #phrases = new Set<string>()
  /** The tables that a view selects from. */
  readonly #sources = new Map<string, ReadonlySet<string>>()
  /** The tables that change when rows of a table are updated or deleted. */
  readonly #cascades = new Map<string, Set<string>>()
  /** The tables of the option `dependents`. */
  readonly #dependents = new Map<string, readonly string[]>()

  constructor(
    tables: Readonly<Record<string, unknown>>,
    dependents: Readonly<Record<string, readonly string[]>>,
  ) {
    const views: { readonly name: string; readonly sql: string }[] = []
    const dialect = new PgDialect()
    for (const table of Object.values(tables)) {
      if (is(table, PgTable)) this.#addTable(table)
      else if (is(table, PgMaterializedView)) this.#addName(nameOf(table))
      else if (is(table, PgView)) {
        const name = nameOf(table)
        const { query } = getViewConfig(table)
        this.#addName(name)
        if (query) views.push({ name, sql: dialect.sqlToQuery(query).sql })
      }
    }
    if (this.#byWord.size + this.#phrases.size === 0)
      throw new InvalidOptionError(
        'tables',
        'an object with at least one PostgreSQL table of Drizzle',
        Object.keys(tables),
      )
    // A view may select from a view that comes later.
    for (const { name, sql } of views) this.#sources.set(name, this.#namesIn(sql))
    for (const [name, others] of Object.entries(dependents)) {
      if (!Array.isArray(others) || !others.every((other) => typeof other === 'string'))
        throw new InvalidOptionError(`dependents.${name}`, 'an array of names of tables', others)
      this.#dependents.set(name, others)
    }
  }

  /** Returns the tables that a query reads: the given ones, and all that its text mentions. */
  readBy(sql: string, given: Iterable<string> = []): Set<string> {
    const names = new Set([...given, ...this.#namesIn(sql)])
    // A set visits what is added to it meanwhile.
    for (const name of names) for (const source of this.#sources.get(name) ?? []) names.add(source)
    return names
  }

  /** Returns all tables that a query mentions, and those that change with them. */
  writtenBy(sql: string): Set<string> {
    return this.changedWith(this.#namesIn(sql), 'rows')
  }

  /**
   * Returns the tables that change with these. `'rows'`: rows were updated or deleted, which
   * foreign keys may pass on. `'new rows'`: rows were only added.
   */
  changedWith(written: Iterable<string>, what: 'rows' | 'new rows'): Set<string> {
    const names = new Set(written)
    for (const name of names) {
      for (const other of this.#dependents.get(name) ?? []) names.add(other)
      if (what === 'rows') for (const other of this.#cascades.get(name) ?? []) names.add(other)
    }
    return names
  }

  #addTable(table: PgTable): void {
    const child = nameOf(table)
    this.#addName(child)
    for (const key of getTableConfig(table).foreignKeys) {
      if (![key.onDelete, key.onUpdate].some((action) => PASSED_ON.has(action ?? ''))) continue
      const parent = nameOf(key.reference().foreignTable)
      const children = this.#cascades.get(parent) ?? new Set()
      this.#cascades.set(parent, children.add(child))
    }
  }

  #addName(name: string): void {
    const spelling = name.slice(name.indexOf('.') + 1).toLowerCase()
    if (!/^\w+$/.test(spelling)) this.#phrases.add(spelling.replaceAll('"', '""'))
    const names = this.#byWord.get(spelling) ?? new Set()
    this.#byWord.set(spelling, names.add(name))
  }

  /**
   * Returns the tables whose names occur in a statement. A column or an alias of the same name
   * counts, so there may be too many, but never too few.
   */
  #namesIn(sql: string): Set<string> {
    const text = sql.toLowerCase()
    const words = new Set<string>(text.match(/\w+/g))
    for (const phrase of this.#phrases) if (text.includes(phrase)) words.add(phrase)
    const names = new Set<string>()
    for (const word of words) {
      for (const name of this.#byWord.get(word.replaceAll('""', '"')) ?? []) names.add(name)
    }
    return names
  }
}

/** Returns the name of a table or view as Drizzle passes it to a cache. */
export function nameOf(table: unknown): string {
  if (typeof table === 'string' && table !== '') return table
  const config = is(table, PgTable)
    ? getTableConfig(table)
    : is(table, PgView)
      ? getViewConfig(table)
      : is(table, PgMaterializedView)
        ? getMaterializedViewConfig(table)
        : undefined
  if (!config) throw new InvalidOptionError('tables', 'tables of Drizzle, or their names', table)
  return config.schema ? `${config.schema}.${config.name}` : config.name
}

/** The actions of a foreign key that change rows of the table that has it. */
const PASSED_ON = new Set(['cascade', 'set null', 'set default'])
