import type { Flush } from '@cache/write-behind'
import type { Pool } from 'pg'

export interface Activity {
  readonly visits: number
  readonly lastSeen: string
}

/**
 * Writes a batch to Postgres with one statement. A row accepts only writes with a higher sequence
 * number than its own. Repeated writes, and late writes of a worker that was replaced, change
 * nothing.
 */
export function flushToPostgres(pool: Pool): Flush<Activity, string> {
  return async (writes) => {
    const rows = writes.filter(({ value }) => value !== null)
    await pool.query(
      `insert into activity (id, visits, last_seen, sequence)
       select * from unnest($1::text[], $2::int[], $3::text[], $4::bigint[])
       on conflict (id) do update
       set visits = excluded.visits, last_seen = excluded.last_seen, sequence = excluded.sequence
       where activity.sequence < excluded.sequence`,
      [
        rows.map(({ id }) => id),
        rows.map(({ value }) => value!.visits),
        rows.map(({ value }) => value!.lastSeen),
        rows.map(({ sequence }) => sequence),
      ],
    )
  }
}
