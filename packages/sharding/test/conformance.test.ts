import { runDriverTests } from '@cache/core/driver-tests'
import { describe, it } from 'vitest'
import { memoryDriver } from '@cache/memory'
import { jump, ketama, modulo, rendezvous, shardedDriver } from '../src/index.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c')

describe.each([rendezvous(), ketama(), jump(), modulo()])(
  'a driver of 3 servers, on ioredis and node-redis, with placement $name',
  (placement) => {
    runDriverTests(() => setup().driver(['a', 'b', 'c'], { placement, timeout: '10s' }), {
      describe,
      it,
    })
  },
)

describe('a driver of 3 shards in memory', () => {
  runDriverTests(
    () => shardedDriver({ shards: { a: memoryDriver(), b: memoryDriver(), c: memoryDriver() } }),
    { describe, it },
  )
})
