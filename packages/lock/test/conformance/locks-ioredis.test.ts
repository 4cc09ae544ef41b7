import { describe, it } from 'vitest'
import { runLockTests } from '../../src/conformance/index.js'
import { startStage } from './stage.js'

describe('createLocks on ioredis', () => {
  runLockTests(() => startStage({ kind: 'locks', client: 'ioredis', servers: 1 }), { describe, it }, { ttl: 600 })
})
