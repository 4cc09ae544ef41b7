import type { Flush } from '@cache/write-behind'
import type { Pool } from 'pg'

export interface Activity {
  readonly visits: number
  readonly lastSeen: string
}

/**
 * One statement for the whole batch. A row takes only writes newer than the one it was made by, so
 * that what comes twice, or late from a worker that was replaced, changes nothing.
 */
export function intoPostgres(pool: Pool): Flush<Activity, string> {
  return async (writes) => {
    const rows = writes.filter(({ value }) => value !== null)
    await pool.query(
      `insert into activity (id, visits, last_seen, sequence)
       select * from unnest($1::text[], $2::int[], $3::text[], $4::bigint[])
       on conflict (id) do update set visits = excluded.visits, last_seen = excluded.last_seen, sequence = excluded.sequence
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
