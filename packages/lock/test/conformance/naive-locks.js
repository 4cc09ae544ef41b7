import { LockTimeoutError } from '@cache/lock'

/**
 * Locks as found in blog posts: they use SET NX PX and DEL, and a holder assumes that it has the
 * lock until it releases it.
 */
export function naiveLocks(client) {
  const send = (...args) => client.send({ args, keys: [args[1]] })
  return {
    async acquire(name, { ttl, wait, signal }) {
      const end = performance.now() + wait
      for (;;) {
        signal?.throwIfAborted()
        const reply = await send('SET', name, 'locked', 'NX', 'PX', String(ttl)).catch(() => null)
        if (reply === 'OK') break
        if (performance.now() > end) throw new LockTimeoutError(name, wait)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return {
        name,
        fence: Number(await send('INCR', `${name}:fence`)),
        signal: new AbortController().signal,
        assertHeld: () => undefined,
        release: async () => (await send('DEL', name)) === 1,
      }
    },
  }
}
