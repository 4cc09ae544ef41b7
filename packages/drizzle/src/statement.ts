import type { Tables } from './tables.js'

/** What Drizzle tells a session about a statement. Raw SQL has none. */
export interface Metadata {
  readonly type: 'select' | 'insert' | 'update' | 'delete'
  readonly tables: readonly string[]
}

/** What a statement does, and with which tables. */
export type Statement =
  | { readonly does: 'read' | 'write'; readonly tables: ReadonlySet<string> }
  /** Raw SQL, or a query that locks rows: nothing is cached, and nothing is made invalid. */
  | { readonly does: 'anything' }

/**
 * Finds out what a statement does. Relational queries have no metadata, but map their rows:
 * `isRelational`.
 */
export function describeStatement(
  tables: Tables,
  sql: string,
  metadata: Metadata | undefined,
  isRelational: boolean,
): Statement {
  if (!metadata && !isRelational)
    return REFRESHES_VIEW.test(sql)
      ? { does: 'write', tables: tables.writtenBy(sql) }
      : { does: 'anything' }
  const type = metadata?.type ?? 'select'
  if (type === 'select') {
    if (WRITES.test(sql)) return { does: 'write', tables: tables.writtenBy(sql) }
    if (LOCKS_ROWS.test(sql)) return { does: 'anything' }
    return { does: 'read', tables: tables.readBy(sql, metadata?.tables) }
  }
  // The statement of a CTE may write another table.
  if (STARTS_WITH_CTE.test(sql))
    return {
      does: 'write',
      tables: new Set([...tables.writtenBy(sql), ...tables.changedWith(metadata!.tables, 'rows')]),
    }
  const adds = type === 'insert' && !UPSERTS.test(sql)
  return { does: 'write', tables: tables.changedWith(metadata!.tables, adds ? 'new rows' : 'rows') }
}

const REFRESHES_VIEW = /^\s*refresh\s+materialized\s+view\b/i
const STARTS_WITH_CTE = /^\s*with\b/i
const UPSERTS = /\bon\s+conflict\b/i
/** A select writes if one of its CTEs does. `for update` and `for no key update` only lock. */
const WRITES =
  /\b(insert\s+into|delete\s+from|merge\s+into|(?<!\b(for|key)\s+)update\s+(only\s+)?["\w])/i
const LOCKS_ROWS = /\bfor\s+(update|no\s+key\s+update|share|key\s+share)\b/i
