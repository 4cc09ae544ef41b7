import { createLocks } from '@cache/lock'
import { childProcess } from '@cache/testkit'
import { connect } from './connect.js'

/** Acquires and releases so many times, and tells the fences. */
const child = childProcess()
const { url, clients, rounds, names } = child.data
const locks = createLocks({ client: connect(clients[child.index % clients.length], url) })
const now = () => Number(process.hrtime.bigint() / 1_000n)

await child.say({ type: 'ready' })
await child.next('go')
let open = rounds
await Promise.all(
  names.map(async (name) => {
    let seen = []
    while (open-- > 0) {
      const asked = now()
      const lock = await locks.acquire(name, { ttl: '30s', wait: '2m' })
      seen.push([name, lock.fence, asked, now()])
      await lock.release().catch(() => undefined)
      if (seen.length === 50) {
        await child.say({ type: 'fences', seen })
        seen = []
      }
    }
    await child.say({ type: 'fences', seen })
  }),
)
await child.say({ type: 'fences', seen: [], done: true })
