import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createLocks } from '@cache/lock'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'

// A process with several contenders for one lock; each holds it for a moment, again and again. Or
// one that takes it and hangs.

export interface Start {
  readonly url: string
  readonly client: 'ioredis' | 'node-redis'
  readonly contenders: number
  readonly turns: number
  readonly hangs: boolean
}

export interface Held {
  readonly type: 'held'
  /** Ms of the epoch, as exactly as this machine knows them. */
  readonly from: number
  readonly until: number
  readonly waited: number
  readonly fence: number
}

const child = childProcess<Start>()
const { url, client: kind, contenders, turns, hangs } = child.data
const driver =
  kind === 'ioredis' ? ioredisDriver(new Redis(url)) : nodeRedisDriver(createClient({ url }))
const locks = createLocks({ client: createCacheClient(driver, { namespace: 'demo' }) })
const now = () => performance.timeOrigin + performance.now()

if (hangs) {
  await locks.acquire('job', { ttl: '2s', wait: '30s' })
  await child.say('holding')
  for (;;); // not even its timers run any more
}
await child.say('ready')
await child.next('go', { timeout: 60_000 })
await Promise.all(
  Array.from({ length: contenders }, async () => {
    for (let turn = 0; turn < turns; turn++) {
      const asked = now()
      await locks.withLock(
        'job',
        async ({ fence }) => {
          const from = now()
          await sleep(5)
          await child.say({
            type: 'held',
            from,
            until: now(),
            waited: from - asked,
            fence: Number(fence),
          } satisfies Held)
        },
        { ttl: '2s', wait: '30s' },
      )
    }
  }),
)
await child.say('done')
process.exit(0)
