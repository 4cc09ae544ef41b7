import type { Locks } from '@cache/lock'
import type { Pool } from 'pg'
import type { Activity } from './activity.js'
import type { User } from './users.js'

/** The export of all data of a user. */
export interface Export {
  readonly user: User
  readonly activity: Activity | null
  readonly at: string
}

/** Creates exports. Each user has at most one, and at most one process creates it at a time. */
export function createExports(
  locks: Locks,
  pool: Pool,
  gather: (id: number) => Promise<Export | null>,
) {
  return {
    /** Returns `'busy'` if another process creates the export, and `null` for an unknown user. */
    async create(id: number): Promise<Export | 'busy' | null> {
      const lock = await locks.tryAcquire(`export:${id}`)
      if (!lock) return 'busy'
      try {
        const created = await gather(id)
        if (!created) return null
        lock.assertHeld()
        // A process that lost the lock without noticing has a lower fence, so the table refuses its
        // late export.
        return (await store(id, lock.fence, created)) ? created : 'busy'
      } finally {
        // If the release fails, the lock ends with its ttl.
        await lock.release().catch(() => undefined)
      }
    },

    async last(id: number): Promise<Export | undefined> {
      const { rows } = await pool.query<{ content: Export }>(
        'select content from exports where id = $1',
        [id],
      )
      return rows[0]?.content
    },
  }

  async function store(id: number, fence: number, content: Export): Promise<boolean> {
    const { rowCount } = await pool.query(
      `insert into exports (id, fence, content) values ($1, $2, $3)
       on conflict (id) do update set fence = excluded.fence, content = excluded.content
       where exports.fence < excluded.fence`,
      [id, fence, JSON.stringify(content)],
    )
    return rowCount === 1
  }
}
