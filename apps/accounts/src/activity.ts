import type { Pool } from 'pg'

/** What a user does all the time: too often to write each of it to the database. */
export interface Activity {
  readonly visits: number
  /** ISO 8601. */
  readonly lastSeen: string
}

/** `visits` more, the last one then. */
export interface Seen {
  readonly visits: number
  readonly lastSeen: string
}

export function merge(current: Activity | undefined, { visits, lastSeen }: Seen): Activity {
  return { visits: (current?.visits ?? 0) + visits, lastSeen }
}

export async function loadActivity(pool: Pool, id: string): Promise<Activity | null> {
  const { rows } = await pool.query<Activity>(
    'select visits, last_seen as "lastSeen" from activity where id = $1',
    [id],
  )
  return rows[0] ?? null
}
