import { afterAll, describe, it } from 'vitest'
import { runLockTests } from '../../src/conformance/index.js'
import { Stages } from './stage.js'

describe('createLocks on ioredis', () => {
  const stages = new Stages({ kind: 'locks', client: 'ioredis', servers: 1 })
  afterAll(() => stages[Symbol.asyncDispose]())
  runLockTests(stages.next, { describe, it }, { ttl: 900 })
})
