import { createLocks } from '@cache/lock'
import { childProcess } from '@cache/testkit'
import { connect } from './connect.js'

/**
 * Holds many locks, or waits for them, and says when it lost or got each. µs of the machine's
 * monotonic clock.
 */
const child = childProcess()
const { client, url } = child.data
const locks = createLocks({ client: connect(client, url) })
const now = () => Number(process.hrtime.bigint() / 1_000n)

await child.say({ type: 'ready' })
for (;;) {
  const { do: what, names, ttl } = await child.next(undefined, { timeout: 2 ** 31 - 1 })
  if (what === 'hold') void hold(names, ttl)
  else void wait(names, ttl)
}

async function hold(names, ttl) {
  const held = await Promise.all(names.map((name) => locks.acquire(name, { ttl })))
  await child.say({ type: 'holding' })
  const last = new Map()
  let ticked = now()
  let asleep
  // When this process did not run, it could not be told anything.
  const tick = () => {
    const at = now()
    if (at - ticked > 30_000) asleep = { from: ticked, to: at }
    ticked = at
  }
  const sampling = setInterval(() => {
    tick()
    for (const lock of held) {
      const at = now()
      try {
        lock.assertHeld()
        last.set(lock.name, at)
      } catch {
        // it is lost
      }
    }
  }, 5)
  const rounds = await Promise.all(
    held.map(
      (lock) =>
        new Promise((resolve) => {
          lock.signal.addEventListener('abort', () => {
            const aborted = now()
            let threw = false
            try {
              lock.assertHeld()
            } catch {
              threw = true
            }
            tick()
            resolve({ name: lock.name, aborted, threw, asleep })
          })
        }),
    ),
  )
  await new Promise((resolve) => setTimeout(resolve, 100))
  clearInterval(sampling)
  await child.say({
    type: 'lost',
    rounds: rounds.map((round) => ({ ...round, last: last.get(round.name) })),
  })
}

async function wait(names, ttl) {
  const rounds = await Promise.all(
    names.map(async (name) => {
      const lock = await locks.acquire(name, { ttl, wait: '1m' })
      const at = now()
      await lock.release()
      return { name, at }
    }),
  )
  await child.say({ type: 'acquired', rounds })
}
