import { CacheError } from '@cache/core'
import { problem } from '@cache/problems'
import type { DeadLetter } from '@cache/write-behind'
import { Hono, type Context } from 'hono'
import { bearerAuth } from 'hono/bearer-auth'
import type { Activity } from './activity.js'
import type { Caches } from './caches.js'

/**
 * Creates the routes of the dead letters: the writes that could not be flushed. All of them require
 * the token.
 *
 * - `GET /` lists them. Values and error messages are personal data, so they are included only with
 *   `?values=true`.
 * - `POST /:letter/replay` tries one again.
 * - `DELETE /:letter` discards one.
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
    answer(c, await falseIfUnknown(() => deadLetters.replay(c.req.param('letter')))),
  )
  app.delete('/:letter', async (c) =>
    answer(c, await falseIfUnknown(() => deadLetters.discard(c.req.param('letter')))),
  )
  return app
}

/** Removes the value, and reduces the error to its name, because its message may quote the row. */
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

function answer(c: Context, exists: boolean): Response {
  return exists ? c.body(null, 204) : problem(c, 404, 'There is no dead letter of this name.')
}

/** Returns `false` also for a malformed name, for which the package throws. */
async function falseIfUnknown(change: () => Promise<boolean>): Promise<boolean> {
  try {
    return await change()
  } catch (error) {
    if (error instanceof CacheError && error.code === 'DEAD_LETTER') return false
    throw error
  }
}
