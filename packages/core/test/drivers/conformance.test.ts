import { matrix } from '@cache/testkit'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { runDriverTests } from '../../src/driver-tests/index.js'
import { ioredisDriver } from '../../src/drivers/ioredis/driver.js'
import { nodeRedisDriver } from '../../src/drivers/node-redis/driver.js'

const cases = matrix(
  {
    ioredis: (raw) => ioredisDriver(raw, { timeout: '10s' }),
    'node-redis': (raw) => nodeRedisDriver(raw, { timeout: '10s' }),
  },
  { sentinel: true, majors: true },
)

describe.each(cases)('the driver on $name', (one) => {
  let stage: Awaited<ReturnType<typeof one.start>>
  beforeAll(async () => {
    stage = await one.start()
  })
  afterAll(() => stage.stop())
  runDriverTests(
    () => stage.driver(),
    { describe, it },
    { dedicates: !(one.topology === 'sentinel' && one.name.startsWith('node-redis 5')) },
  )
})
