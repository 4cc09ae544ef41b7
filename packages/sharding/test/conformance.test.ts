import { runDriverTests } from '@cache/core/driver-tests'
import { describe, it } from 'vitest'
import { jump, ketama, modulo, rendezvous } from '../src/index.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c')

describe.each([rendezvous(), ketama(), jump(), modulo()])(
  'a driver of 3 servers, on ioredis and node-redis, placed by $name',
  (placement) => {
    runDriverTests(() => on().driver(['a', 'b', 'c'], { placement, timeout: '10s' }), {
      describe,
      it,
    })
  },
)
