import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { createLocks, createRedlock } from '@cache/lock'
import { runContender } from '@cache/lock/conformance'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { naiveLocks } from './naive-locks.js'

const child = childProcess()
const { kind, client, urls } = child.data

const drivers = {
  ioredis: (url) =>
    ioredisDriver(new Redis(url, { retryStrategy: () => 50 }).on('error', () => undefined)),
  'node-redis': (url) =>
    nodeRedisDriver(
      createClient({ url, socket: { reconnectStrategy: 50 } }).on('error', () => undefined),
    ),
}
const clients = urls.map((url) =>
  createCacheClient(drivers[client](url), {
    resilience: { writeTimeout: 300, breaker: { cooldown: 100 } },
  }),
)
const kinds = {
  locks: () => createLocks({ client: clients[0] }),
  redlock: () => createRedlock({ clients }),
  naive: () => naiveLocks(clients[0]),
}

await runContender(kinds[kind](), {
  say: child.say,
  next: () => child.next(undefined, { timeout: 2 ** 31 - 1 }),
})
