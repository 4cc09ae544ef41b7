import { startRedis, startRedisCluster, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clusterContenders } from '../src/caches/cluster.js'
import { gcraLimiters, logLimiters } from '../src/limits/contenders.js'
import { lockContenders } from '../src/locks/contenders.js'
import { bullmq } from '../src/queues/bullmq.js'
import { bareStream } from '../src/queues/stream.js'
import { oursOnIoredis, oursOnNodeRedis } from '../src/queues/write-behind.js'
import { product } from '../src/workload/product.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())
const inDatabases = <T extends { readonly name: string }>(all: readonly T[], first = 0) =>
  all.map((one, i) => ({ ...one, url: () => `${server.url}/${first + i}` }))

describe('every limiter that is compared with a script by hand allows up to its limit', () => {
  const isLimiter = ({ name, bare }: { readonly name: string; readonly bare: string }) =>
    name !== bare
  it.each(inDatabases([...logLimiters, ...gcraLimiters].filter(isLimiter)))(
    '$name',
    async ({ open, url }) => {
      const limiter = await open(url(), 3, 3_600)
      const decisions = []
      for (let i = 0; i < 5; i++) decisions.push(await limiter.decide('someone'))
      expect(decisions).toEqual([true, true, true, false, false])
      expect(await limiter.decide('another')).toBe(true)
      await limiter.close()
    },
  )
})

describe('every lock excludes others', () => {
  it.each(inDatabases(lockContenders))('$name', async ({ open, url }) => {
    const all = await Promise.all([open(url()), open(url()), open(url())])
    let [holders, most, turns] = [0, 0, 0]
    const work = async () => {
      most = Math.max(most, ++holders)
      await new Promise((resolve) => setTimeout(resolve, 5))
      holders--
      turns++
    }
    await Promise.all(all.flatMap((locks) => [locks.hold('it', work), locks.hold('it', work)]))
    expect([most, turns]).toEqual([1, 6])
    await Promise.all(all.map((locks) => locks.close()))
  })
})

describe('every queue hands over what is put into it, one by one and in bulk', () => {
  it.each(inDatabases([bareStream, oursOnIoredis, oursOnNodeRedis, bullmq], 6))(
    '$name',
    async ({ open, url }) => {
      const queue = await open(url())
      await queue.enqueue(product('a:1'))
      await queue.enqueueMany([product('a:2'), product('a:3')])
      await queue.work(3)
      await queue.close()
    },
  )
})

it('every contender on a Cluster caches', async () => {
  await using cluster = await startRedisCluster({ primaries: 3 })
  for (const { name, open } of clusterContenders) {
    const cache = await open(cluster.addresses)
    for (const id of ['c1:key:1', 'c2:key:2', 'c3:key:3', 'c4:key:4']) {
      await cache.invalidate(id)
      let loads = 0
      const read = () =>
        cache.getOrLoad(id, async () => {
          loads++
          return product(id)
        })
      expect([await read(), await read()], name).toEqual([product(id), product(id)])
      expect(loads, name).toBe(1)
    }
    await cache.close()
  }
})
