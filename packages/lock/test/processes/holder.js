import { createLocks } from '@cache/lock'
import { childProcess } from '@cache/testkit'
import { connect } from './connect.js'

/**
 * Holds many locks, or waits for them, and reports when it lost or acquired each. Times are in µs
 * of the machine's monotonic clock.
 */
const child = childProcess()
const { client, url } = child.data
const locks = createLocks({ client: connect(client, url) })
const now = () => Number(process.hrtime.bigint() / 1_000n)

await child.say({ type: 'ready' })
for (;;) {
  const { do: action, names, ttl } = await child.next(undefined, { timeout: 2 ** 31 - 1 })
  if (action === 'hold') void hold(names, ttl)
  else void wait(names, ttl)
}

async function hold(names, ttl) {
  const held = await Promise.all(names.map((name) => locks.acquire(name, { ttl })))
  await child.say({ type: 'holding' })
  const lastHeldAt = new Map()
  let lastTick = now()
  let pause
  // Detects when this process did not run, so that no signal could reach it.
  const tick = () => {
    const at = now()
    if (at - lastTick > 30_000) pause = { from: lastTick, to: at }
    lastTick = at
  }
  const sampling = setInterval(() => {
    tick()
    for (const lock of held) {
      const at = now()
      try {
        lock.assertHeld()
        lastHeldAt.set(lock.name, at)
      } catch {
        // the lock is lost
      }
    }
  }, 5)
  const losses = await Promise.all(
    held.map(
      (lock) =>
        new Promise((resolve) => {
          lock.signal.addEventListener('abort', () => {
            const abortedAt = now()
            let threw = false
            try {
              lock.assertHeld()
            } catch {
              threw = true
            }
            tick()
            resolve({ name: lock.name, abortedAt, threw, pause })
          })
        }),
    ),
  )
  await new Promise((resolve) => setTimeout(resolve, 100))
  clearInterval(sampling)
  await child.say({
    type: 'lost',
    losses: losses.map((loss) => ({ ...loss, lastHeldAt: lastHeldAt.get(loss.name) })),
  })
}

async function wait(names, ttl) {
  const acquisitions = await Promise.all(
    names.map(async (name) => {
      const lock = await locks.acquire(name, { ttl, wait: '1m' })
      const at = now()
      await lock.release()
      return { name, at }
    }),
  )
  await child.say({ type: 'acquired', acquisitions })
}
