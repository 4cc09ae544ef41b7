import { runDriverTests } from '@cache/core/driver-tests'
import { describe, it } from 'vitest'
import { jump, ketama, modulo, rendezvous } from '../src/index.js'
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
