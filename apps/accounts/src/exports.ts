import type { Locks } from '@cache/lock'
import type { Pool } from 'pg'
import type { Activity } from './activity.js'
import type { User } from './users.js'

/** All that is kept of a user, as it is handed out. */
export interface Export {
  readonly user: User
  readonly activity: Activity | null
  readonly at: string
}

/** Exports, of which a user has one, and never two in the making. */
export function createExports(
  locks: Locks,
  pool: Pool,
  gather: (id: number) => Promise<Export | null>,
) {
  return {
    /** `'busy'`: another process is at it. `null`: there is no such user. */
    async make(id: number): Promise<Export | 'busy' | null> {
      const lock = await locks.tryAcquire(`export:${id}`)
      if (!lock) return 'busy'
      try {
        const made = await gather(id)
        if (!made) return null
        lock.assertHeld()
        // A process that lost the lock without noticing has the lower fence: what it brings is too
        // late.
        return (await keep(id, lock.fence, made)) ? made : 'busy'
      } finally {
        await lock.release().catch(() => undefined) // it ends with its ttl
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

  async function keep(id: number, fence: number, made: Export): Promise<boolean> {
    const { rowCount } = await pool.query(
      'insert into exports (id, fence, content) values ($1, $2, $3) on conflict (id) do update set fence = excluded.fence, content = excluded.content where exports.fence < excluded.fence',
      [id, fence, JSON.stringify(made)],
    )
    return rowCount === 1
  }
}
