import { afterAll, describe, it } from 'vitest'
import { runLockTests } from '../../src/conformance/index.js'
import { Stages } from './stage.js'

describe.each(process.env.CHAOS ? (['ioredis', 'node-redis'] as const) : (['ioredis'] as const))(
  'createRedlock over three servers, on %s',
  (client) => {
    const stages = new Stages({ kind: 'redlock', client, servers: 3 })
    afterAll(() => stages[Symbol.asyncDispose]())
    runLockTests(stages.next, { describe, it }, { ttl: 900, survivesLoss: true })
  },
)
