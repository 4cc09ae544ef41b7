import { runDriverTests } from '@cache/core/driver-tests'
import { startRedis, startRedisCluster, type RedisCluster, type RedisServer } from '@cache/testkit'
import { ProtocolVersion } from '@valkey/valkey-glide'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { glideDriver } from '../src/index.js'

describe.each([ProtocolVersion.RESP3, ProtocolVersion.RESP2])(
  'the driver on one server, with RESP %s',
  (protocol) => {
    let redis: RedisServer
    beforeAll(async () => void (redis = await startRedis()))
    afterAll(() => redis.stop())
    runDriverTests(
      () =>
        glideDriver(
          { addresses: [{ host: redis.host, port: redis.port }], protocol },
          { timeout: '10s' },
        ),
      { describe, it },
    )
  },
)

describe('the driver on a Cluster', () => {
  let redis: RedisCluster
  beforeAll(async () => void (redis = await startRedisCluster()))
  afterAll(() => redis.stop())
  runDriverTests(
    () => glideDriver({ addresses: [...redis.addresses] }, { timeout: '10s', topology: 'cluster' }),
    { describe, it },
  )
})
