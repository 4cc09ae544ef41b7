import { expect, it } from 'vitest'
import {
  InvalidOptionError,
  startProxy,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
  type RedisOptions,
} from '../src/index.js'

it.each<[option: string, options: object]>([
  ['port', { port: 0 }],
  ['port', { port: '6379' }],
  ['aof', { aof: 'everysec' }],
  ['clock', { clock: 1 }],
  ['shared', { shared: 'yes' }],
  ['password', { password: 1234 }],
  ['config', { config: 'maxmemory 1mb' }],
  ['config.maxmemory', { config: { maxmemory: 1 } }],
  ['config.maxmemory', { config: { maxmemory: '1mb\nsave 1 1' } }],
  ['pasword', { pasword: 'secret' }],
])('startRedis refuses the option %s in %j', async (option, options) => {
  const refused = startRedis(options as RedisOptions)
  await expect(refused).rejects.toBeInstanceOf(InvalidOptionError)
  await expect(refused).rejects.toMatchObject({ option, code: 'INVALID_OPTION' })
})

it.each<[option: string, options: object]>([
  ['primaries', { primaries: 0 }],
  ['replicasPerPrimary', { replicasPerPrimary: 1.5 }],
  ['clock', { clock: 'yes' }],
  ['replicas', { replicas: 1 }],
])('startRedisCluster refuses the option %s in %j', async (option, options) => {
  await expect(startRedisCluster(options)).rejects.toMatchObject({ option })
})

it.each<[option: string, options: object]>([
  ['replicas', { replicas: -1 }],
  ['sentinels', { sentinels: 0 }],
  ['downAfter', { downAfter: '1s' }],
])('startRedisSentinel refuses the option %s in %j', async (option, options) => {
  await expect(startRedisSentinel(options)).rejects.toMatchObject({ option })
})

it('an error does not show a password', async () => {
  const refused = startRedis({ password: ['hunter2'] as unknown as string })
  await expect(refused).rejects.not.toThrow(/hunter2/)
})

it('a proxy refuses delays and directions that make no sense', async () => {
  await using proxy = await startProxy({ host: '127.0.0.1', port: 6379 })
  expect(() => proxy.delay(-1)).toThrow(InvalidOptionError)
  expect(() => proxy.delay(Number.NaN)).toThrow(InvalidOptionError)
  expect(() => proxy.swallow('up' as 'both')).toThrow(InvalidOptionError)
})
