import type { Pool } from 'pg'

/** The activity of a user. It changes too often to write each change to the database. */
export interface Activity {
  readonly visits: number
  /** ISO 8601. */
  readonly lastSeen: string
}

/** A change of the activity: `visits` further visits, the last of them at `lastSeen`. */
export interface VisitUpdate {
  readonly visits: number
  readonly lastSeen: string
}

export function merge(current: Activity | undefined, { visits, lastSeen }: VisitUpdate): Activity {
  return { visits: (current?.visits ?? 0) + visits, lastSeen }
}

export async function loadActivity(pool: Pool, id: string): Promise<Activity | null> {
  const { rows } = await pool.query<Activity>(
    'select visits, last_seen as "lastSeen" from activity where id = $1',
    [id],
  )
  return rows[0] ?? null
}
