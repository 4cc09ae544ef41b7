import { createLocks } from '@cache/lock'
import { childProcess } from '@cache/testkit'
import { connect } from './connect.js'

/** Acquires and releases locks, and reports their fences. Times are in µs. */
const child = childProcess()
const { url, clients, acquisitions, names } = child.data
const locks = createLocks({ client: connect(clients[child.index % clients.length], url) })
const now = () => Number(process.hrtime.bigint() / 1_000n)

await child.say({ type: 'ready' })
await child.next('go')
let left = acquisitions
await Promise.all(
  names.map(async (name) => {
    let batch = []
    while (left-- > 0) {
      const startedAt = now()
      const lock = await locks.acquire(name, { ttl: '30s', wait: '2m' })
      batch.push([name, lock.fence, startedAt, now()])
      await lock.release().catch(() => undefined)
      if (batch.length === 50) {
        await child.say({ type: 'acquisitions', acquisitions: batch })
        batch = []
      }
    }
    await child.say({ type: 'acquisitions', acquisitions: batch })
  }),
)
await child.say({ type: 'acquisitions', acquisitions: [], done: true })
