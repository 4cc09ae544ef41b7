import { startRedisCluster, startRedis, type RedisCluster, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CacheClient } from '@cache/core'
import { BackpressureError, DeadLetterError, type PendingWrite } from '../src/index.js'
import type { Row } from './cases.js'
import { startDoublingProxy, type DoublingProxy } from './doubling-proxy.js'
import { Setup, connect, connectCluster, clientKinds } from './setup.js'

type Write = PendingWrite<Row, string>

const ATTEMPTS = 3
const ids = Array.from({ length: 6 }, (_, i) => `r${i}`)
const names = ['one', 'two', 'three']

/** A database that records the writes it receives, and refuses some of them. */
class Database {
  readonly accepted: Write[] = []
  readonly refused: Write[] = []
  refuses: (write: Write) => boolean = () => false

  readonly flush = async (writes: readonly Write[]) => {
    const refused = writes.filter((write) => this.refuses(write))
    this.refused.push(...refused)
    this.accepted.push(...writes.filter((write) => !refused.includes(write)))
    return refused.map(({ sequence }) => ({ sequence, error: new Error('no') }))
  }

  of(id: string): (string | null | undefined)[] {
    return this.accepted.filter((write) => write.id === id).map(({ value }) => value && value.name)
  }

  /** Expects that each write came once, and those of an id in the order of their sequences. */
  expectEachOnce(): void {
    const lastSequences = new Map<string, number>()
    for (const { id, sequence } of this.accepted) {
      expect(sequence).toBeGreaterThan(lastSequences.get(id) ?? 0)
      lastSequences.set(id, sequence)
    }
  }
}

/**
 * Runs every operation of writers, workers and dead letters, and checks the results.
 * `deliverAgain` sends all requests once more; the results must stay the same.
 */
async function everyStep(
  client: CacheClient,
  deliverAgain: () => Promise<void>,
  partitions: number,
): Promise<void> {
  await using setup = new Setup(client)
  const rows = setup.rows({ partitions })
  const counters = setup.counters({ partitions })
  const database = new Database()
  const startWorker = () =>
    setup.startWorker({
      partitions,
      coalesce: false,
      flush: database.flush,
      retry: { attempts: ATTEMPTS, backoff: 5 },
      ownershipTtl: '2s',
    })
  const allFlushed = async () => {
    await Promise.all([...ids, 'gone', 'count'].map((id) => rows.flushed(id)))
    await vi.waitFor(async () => expect((await rows.pending()).writes).toBe(0), 10_000)
  }

  const first = startWorker()
  for (const name of names) await rows.putMany(ids.map((id) => [id, { name }]))
  await rows.put('gone', { name: 'here' })
  await rows.delete('gone')
  await counters.updateMany(Array.from({ length: 10 }, () => ['count', 1]))
  await allFlushed()
  await first.end()

  database.refuses = ({ value }) => value?.name === 'bad'
  await rows.putMany([
    ['bad', { name: 'bad' }],
    ['worse', { name: 'bad' }],
    ['worst', { name: 'bad' }],
  ])
  await counters.update('count', 1)
  const second = startWorker()
  for (const id of ['bad', 'worse', 'worst'])
    await expect(rows.flushed(id)).rejects.toBeInstanceOf(DeadLetterError)
  expect(database.refused).toHaveLength(3 * ATTEMPTS)
  const letters = Object.fromEntries(
    (await rows.deadLetters.list()).map((letter) => [letter.id, letter]),
  )
  expect(Object.values(letters).map(({ attempts }) => attempts)).toEqual([
    ATTEMPTS,
    ATTEMPTS,
    ATTEMPTS,
  ])
  const { replay, discard } = rows.deadLetters
  // A replayed write that is refused becomes a dead letter again.
  expect(await replay(letters.worst!.letter)).toBe(true)
  await expect(rows.flushed('worst')).rejects.toBeInstanceOf(DeadLetterError)
  expect(database.refused).toHaveLength(4 * ATTEMPTS)
  database.refuses = () => false
  expect(await replay(letters.bad!.letter)).toBe(true)
  expect(await discard(letters.worse!.letter)).toBe(true)
  for (const letter of [letters.bad!, letters.worse!])
    expect([await replay(letter.letter), await discard(letter.letter)]).toEqual([false, false])
  await Promise.all([rows.flushed('bad'), rows.flushed('worse'), allFlushed()])

  const expectExact = async () => {
    database.expectEachOnce()
    for (const id of ids) expect(database.of(id)).toEqual(names)
    expect(database.of('gone')).toEqual(['here', null])
    expect(
      database.accepted.filter(({ id }) => id === 'count').map(({ value }) => value?.age),
    ).toEqual(Array.from({ length: 11 }, (_, i) => i + 1))
    expect([database.of('bad'), database.of('worse'), database.of('worst')]).toEqual([
      ['bad'],
      [],
      [],
    ])
    expect((await rows.deadLetters.list()).map(({ id }) => id)).toEqual(['worst'])
    expect((await rows.pending()).writes).toBe(0)
    expect(await rows.getMany(ids)).toEqual(ids.map(() => ({ name: 'three' })))
    expect(await rows.getMany(['gone', 'count'])).toEqual([null, { name: 'counter', age: 11 }])
  }
  await expectExact()
  await deliverAgain()
  await expectExact()
  await second.end()
  startWorker() // would flush a write that a late step has left in the queue
  await rows.put('last', { name: 'last' })
  await rows.flushed('last')
  await allFlushed()
  await expectExact()
  await rows.close()
  await counters.close()
}

describe.each(clientKinds)('every step delivered twice, and again at the end, on %s', (kind) => {
  let redis: RedisServer
  beforeAll(async () => void (redis = await startRedis()))
  afterAll(() => redis.stop())
  beforeEach(() => redis.flush())

  it.each([0, 30])(
    '%d ms late: every write reaches the database once and in order',
    async (lag) => {
      await using proxy = await startDoublingProxy(redis, lag)
      await using client = connect(kind, proxy.url)
      await everyStep(client, () => proxy.deliverAgain(), 1)
    },
  )

  it('the late copy of a write that a full queue refused is not executed', async () => {
    await using proxy = await startDoublingProxy(redis, 150)
    await using client = connect(kind, proxy.url)
    await using direct = connect(kind, redis.url)
    await using setup = new Setup(client)
    await using otherSetup = new Setup(direct)
    const database = new Database()
    const rows = setup.rows({ maxPending: 1 })
    await rows.put('1', { name: 'taken' })
    await expect(rows.put('2', { name: 'refused' })).rejects.toBeInstanceOf(BackpressureError)
    const { end } = otherSetup.startWorker({ flush: database.flush })
    await rows.flushed('1')
    await proxy.deliverAgain()
    await rows.put('3', { name: 'taken' })
    await rows.flushed('3')
    await end()
    expect(database.accepted.map(({ value }) => value?.name)).toEqual(['taken', 'taken'])
    await rows.close()
  })
})

describe.each(clientKinds)('every step delivered twice on a Cluster, on %s', (kind) => {
  let cluster: RedisCluster
  const proxies = new Map<string, DoublingProxy>()
  beforeAll(async () => {
    cluster = await startRedisCluster({ primaries: 3 })
    for (const node of cluster.nodes)
      proxies.set(`${node.host}:${node.port}`, await startDoublingProxy(node, 20))
  })
  afterAll(async () => {
    for (const proxy of proxies.values()) await proxy[Symbol.asyncDispose]()
    await cluster.stop()
  })

  it('every write reaches the database once and in order', async () => {
    await using client = connectCluster(kind, proxies, { readTimeout: '5s', writeTimeout: '5s' })
    await vi.waitFor(() => client.send({ args: ['GET', 'x'], keys: ['x'] }), { timeout: 10_000 })
    await everyStep(
      client,
      async () => {
        for (const proxy of proxies.values()) await proxy.deliverAgain()
      },
      4,
    )
  })
})
