import { LockTimeoutError } from '@cache/lock'

/**
 * What one finds in blog posts: SET NX PX, DEL, and a holder that believes in its lock until it
 * lets go.
 */
export function naiveLocks(client) {
  const send = (...args) => client.send({ args, keys: [args[1]] })
  return {
    async acquire(name, { ttl, wait, signal }) {
      const end = performance.now() + wait
      for (;;) {
        signal?.throwIfAborted()
        const taken = await send('SET', name, 'locked', 'NX', 'PX', String(ttl)).catch(() => null)
        if (taken === 'OK') break
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
