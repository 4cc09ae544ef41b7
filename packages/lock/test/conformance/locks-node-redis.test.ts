import { describe, it } from 'vitest'
import { runLockTests } from '../../src/conformance/index.js'
import { startStage } from './stage.js'

describe('createLocks on node-redis', () => {
  runLockTests(() => startStage({ kind: 'locks', client: 'node-redis', servers: 1 }), { describe, it }, { ttl: 600 })
})
