import { CacheError } from '@cache/core'
import { problem } from '@cache/problems'
import type { DeadLetter } from '@cache/write-behind'
import { Hono, type Context } from 'hono'
import { bearerAuth } from 'hono/bearer-auth'
import type { Activity } from './activity.js'
import type { Caches } from './caches.js'

/**
 * The writes that could not be flushed, for whoever has the token: `GET /` lists them, `POST
 * /:letter/replay` tries one again, `DELETE /:letter` forgets one. They are the users' own data, so
 * values, and what the database said of them, are shown only on `?values=true`.
 */
export function createDeadLetters(
  { activity: { deadLetters } }: Pick<Caches, 'activity'>,
  token: string,
): Hono {
  const app = new Hono()
  app.use(bearerAuth({ token }))
  app.get('/', async (c) => {
    const letters = await deadLetters.list()
    return c.json(c.req.query('values') === 'true' ? letters : letters.map(withoutValues))
  })
  app.post('/:letter/replay', async (c) =>
    done(c, await orFalse(() => deadLetters.replay(c.req.param('letter')))),
  )
  app.delete('/:letter', async (c) =>
    done(c, await orFalse(() => deadLetters.discard(c.req.param('letter')))),
  )
  return app
}

/** The error as its name alone: what follows may quote the row. */
function withoutValues({
  letter,
  id,
  kind,
  sequence,
  error,
  attempts,
  at,
}: DeadLetter<Activity, string>): object {
  return {
    letter,
    id,
    kind,
    sequence,
    error: /^[A-Za-z]\w*/.exec(error)?.[0] ?? 'Error',
    attempts,
    at,
  }
}

function done(c: Context, found: boolean): Response {
  return found ? c.body(null, 204) : problem(c, 404, 'There is no dead letter of this name.')
}

/** `false` also for a name that no letter can have. */
async function orFalse(change: () => Promise<boolean>): Promise<boolean> {
  try {
    return await change()
  } catch (error) {
    if (error instanceof CacheError && error.code === 'DEAD_LETTER') return false
    throw error
  }
}
