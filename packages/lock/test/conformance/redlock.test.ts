import { describe, it } from 'vitest'
import { runLockTests } from '../../src/conformance/index.js'
import { startStage } from './stage.js'

describe('createRedlock over three servers', () => {
  runLockTests(() => startStage({ kind: 'redlock', client: 'ioredis', servers: 3 }), { describe, it }, { ttl: 600, survivesLoss: true })
})
