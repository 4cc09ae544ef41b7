import { setTimeout as sleep } from 'node:timers/promises'
import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { spawnProcesses, startRedisCluster, startRedis, type ProcessGroup } from '@cache/testkit'
import { Cluster, Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { createWriteThrough } from '../src/index.js'
import type { Row, Report, Start } from './processes/writer.js'

const LONG = process.env.CHAOS !== undefined
const SECONDS = LONG ? 60 : 3
const PROCESSES = LONG ? 8 : 4
/**
 * The smallest number of reads and writes of a run, or it would have tried nothing. A slow machine
 * takes longer for them.
 */
const READS = LONG ? 1_000 : 500
const WRITES = 100
const LONGEST = 60
const INTENT_TTL = 1_000

/**
 * Runs processes that read and write, sometimes kills one (SIGKILL), and sometimes pauses Redis. At
 * the end, kills half of them and lets the others read. Returns the sum of their reports.
 */
async function harness({
  topology,
  pattern,
}: Pick<Start, 'topology' | 'pattern'>): Promise<
  Omit<Report, 'type'> & { killed: number; cached: number; wrong: string[] }
> {
  await using source = await startRedis()
  await using redis = topology === 'cluster' ? await startRedisCluster() : await startRedis()
  const nodes = 'nodes' in redis ? redis.nodes : [redis]
  const reports: Report[] = []
  const groups = new Set<ProcessGroup>()
  const start = async (index: number): Promise<ProcessGroup> => {
    const data: Start = {
      addresses: nodes.map(({ host, port }) => ({ host, port })),
      topology,
      client: index % 2 === 0 ? 'ioredis' : 'node-redis',
      source: source.url,
      ids: 10,
      pattern,
      intentTtl: INTENT_TTL,
    }
    const group = spawnProcesses(new URL('processes/writer.ts', import.meta.url), { data })
    groups.add(group)
    await group.all('ready', { timeout: 60_000 })
    return group
  }
  const listen = async (group: ProcessGroup): Promise<void> => {
    const index =
      reports.push({
        type: 'so far',
        reads: 0,
        hits: 0,
        writes: 0,
        refused: 0,
        stale: [],
        outlived: [],
      }) - 1
    for (;;) reports[index] = await group.processes[0]!.next<Report>('so far', { timeout: 600_000 })
  }
  const running = await Promise.all(Array.from({ length: PROCESSES }, (_, index) => start(index)))
  for (const group of running) void listen(group).catch(() => undefined)
  const sum = (of: 'reads' | 'hits' | 'writes' | 'refused'): number =>
    reports.reduce((total, one) => total + one[of], 0)
  const tooFew = (): boolean =>
    pattern !== 'as usually written' && (sum('reads') <= READS || sum('writes') <= WRITES)
  let killed = 0
  const begun = performance.now()
  const passed = (seconds: number): boolean => performance.now() > begun + seconds * 1_000
  for (let round = 0; !passed(SECONDS) || (tooFew() && !passed(LONGEST)); round++) {
    await sleep(500)
    if (round % 2 === 0) {
      const index = Math.floor(Math.random() * PROCESSES)
      await running[index]!.processes[0]!.kill()
      killed++
      running[index] = await start(index)
      void listen(running[index]!).catch(() => undefined)
    } else {
      const node = nodes[Math.floor(Math.random() * nodes.length)]!
      await node.pause()
      await sleep(200)
      await node.resume()
    }
  }
  await sleep(300)
  const counts = {
    reads: sum('reads'),
    hits: sum('hits'),
    writes: sum('writes'),
    refused: sum('refused'),
  }
  const readers = running.slice(PROCESSES / 2)
  await Promise.all(running.slice(0, PROCESSES / 2).map((group) => group.stop()))
  for (const group of readers) group.send('only read')
  // The intents of killed writers expire here. Then the readers cache the written rows.
  await sleep(INTENT_TTL + 500)
  await Promise.all([...groups].map((group) => group.stop()))
  const { cached, wrong } =
    pattern === 'as usually written'
      ? { cached: 0, wrong: [] }
      : await differences(nodes, topology, source.url)
  return {
    ...counts,
    stale: reports.flatMap(({ stale }) => stale),
    outlived: reports.flatMap(({ outlived }) => outlived),
    killed,
    cached,
    wrong,
  }
}

/** How many rows are cached, and which of them otherwise than the source has them. */
async function differences(
  nodes: readonly { readonly host: string; readonly port: number }[],
  topology: Start['topology'],
  sourceUrl: string,
): Promise<{ cached: number; wrong: string[] }> {
  const redis =
    topology === 'cluster' ? new Cluster([...nodes]) : new Redis(nodes[0]!.port, nodes[0]!.host)
  const source = new Redis(sourceUrl)
  const client = createCacheClient(ioredisDriver(redis))
  const cache = createWriteThrough({
    client,
    prefix: 'row',
    ttl: '1h',
    load: async (): Promise<Row | undefined> => undefined,
    store: async () => undefined,
  })
  let count = 0
  const wrong: string[] = []
  for (const [id, version] of Object.entries(await source.hgetall('versions'))) {
    const cached = await cache.peek(Number(id))
    if (cached) count++
    if (cached && cached.version !== Number(version))
      wrong.push(`row ${id}: version ${cached.version} is cached, but it is ${version}`)
  }
  await client.close()
  redis.disconnect()
  source.disconnect()
  return { cached: count, wrong }
}

describe(`${PROCESSES} processes on 10 rows for ${SECONDS} s, with kills and pauses`, () => {
  const always = [
    ['cluster', 'ours'],
    ['standalone', 'merging'],
  ] as const
  const inLongRuns = LONG
    ? ([
        ['standalone', 'ours'],
        ['cluster', 'without version'],
        ['standalone', 'without version'],
      ] as const)
    : []
  it.each([...always, ...inLongRuns])(
    '%s, %s: no read is older than an acknowledged write, and none outlives an intent',
    async (topology, pattern) => {
      const { reads, hits, writes, killed, stale, outlived, cached, wrong } = await harness({
        topology,
        pattern,
      })
      expect(stale).toEqual([])
      expect(outlived).toEqual([])
      expect(wrong).toEqual([])
      expect(cached).toBeGreaterThan(0)
      expect(reads).toBeGreaterThan(READS)
      expect(hits).toBeGreaterThan(reads / 100)
      expect(writes).toBeGreaterThan(WRITES)
      expect(killed).toBeGreaterThan(0)
    },
    (SECONDS + LONGEST + 120) * 1_000,
  )

  it(
    'the pattern as it is usually written is caught by the same harness',
    async () => {
      const { stale, outlived } = await harness({
        topology: 'standalone',
        pattern: 'as usually written',
      })
      expect(stale.length + outlived.length).toBeGreaterThan(0)
    },
    (SECONDS + LONGEST + 120) * 1_000,
  )
})
