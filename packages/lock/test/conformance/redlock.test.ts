import { afterAll, describe, it } from 'vitest'
import { runLockTests } from '../../src/conformance/index.js'
import { Stages } from './stage.js'

describe('createRedlock over three servers', () => {
  const stages = new Stages({ kind: 'redlock', client: 'ioredis', servers: 3 })
  afterAll(() => stages[Symbol.asyncDispose]())
  runLockTests(stages.next, { describe, it }, { ttl: 600, survivesLoss: true })
})
