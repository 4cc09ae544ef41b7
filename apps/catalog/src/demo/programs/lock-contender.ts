import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createLocks } from '@cache/lock'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

// A process with several contenders for one lock. Each acquires the lock repeatedly and holds it
// for a short time. With `hangs`, the process acquires the lock and blocks.

export interface ContenderOptions {
  readonly url: string
  readonly client: 'ioredis' | 'node-redis'
  readonly contenders: number
  /** The number of times that each contender acquires the lock. */
  readonly acquisitions: number
  readonly hangs: boolean
}

export interface LockHeld {
  readonly type: 'held'
  /** Milliseconds since the epoch, with fractions. */
  readonly from: number
  readonly until: number
  /** The milliseconds that the contender waited for the lock. */
  readonly waited: number
  readonly fence: number
}

const child = childProcess<ContenderOptions>()
const { url, client: library, contenders, acquisitions, hangs } = child.data
const driver =
  library === 'ioredis' ? ioredisDriver(new Redis(url)) : nodeRedisDriver(createClient({ url }))
const locks = createLocks({ client: createCacheClient(driver, { namespace: 'demo' }) })
const now = () => performance.timeOrigin + performance.now()

if (hangs) {
  await locks.acquire('job', { ttl: '2s', wait: '30s' })
  await child.say('holding')
  for (;;); // Blocks the event loop, so that no timer can renew the lock.
}
await child.say('ready')
await child.next('go', { timeout: 60_000 })
await Promise.all(
  Array.from({ length: contenders }, async () => {
    for (let i = 0; i < acquisitions; i++) {
      const requested = now()
      await locks.withLock(
        'job',
        async ({ fence }) => {
          const from = now()
          await sleep(5)
          await child.say({
            type: 'held',
            from,
            until: now(),
            waited: from - requested,
            fence: Number(fence),
          } satisfies LockHeld)
        },
        { ttl: '2s', wait: '30s' },
      )
    }
  }),
)
await child.say('done')
process.exit(0)
