import { setTimeout as sleep } from 'node:timers/promises'
import {
  spawnProcesses,
  startRedisCluster,
  startProxy,
  startRedis,
  type RedisServer,
  type TcpProxy,
} from '@cache/testkit'
import { expect, it } from 'vitest'
import type { Checked, Progress, Start } from './processes/near.js'

const LONG = process.env.CHAOS !== undefined
const INVALIDATIONS = LONG ? 10_000 : 1_000
const SECONDS = LONG ? 60 : 4
const PROCESSES = 4
const HEARTBEAT = 250
/** Ms that a busy machine may add: a process can't receive what it has no time to read. */
const SLACK = 1_000
/**
 * Ms for which a connection stays half open. It is far longer than a near cache may answer on it.
 * So the test fails if the cache relies on the end of the connection.
 */
const HALF_OPEN = 12 * HEARTBEAT

interface Targets {
  readonly servers: readonly RedisServer[]
  readonly proxies: readonly TcpProxy[]
}

/**
 * Runs processes that read and invalidate while `faults` disturb their connections. Returns the
 * sums of what they observed.
 */
async function runProcesses(
  topology: Start['topology'],
  onGap: Start['onGap'],
  faults: readonly ((targets: Targets) => Promise<unknown>)[],
) {
  await using source = await startRedis()
  await using redis = topology === 'cluster' ? await startRedisCluster() : await startRedis()
  const servers = 'nodes' in redis ? redis.nodes : [redis]
  const proxies =
    topology === 'cluster'
      ? []
      : await Promise.all(Array.from({ length: PROCESSES }, () => startProxy(servers[0]!)))
  const addresses = servers.map(({ host, port }) => ({ host, port }))
  const listenAt = Array.from({ length: PROCESSES }, (_, i) =>
    proxies[i] ? [{ host: proxies[i].host, port: proxies[i].port }] : addresses,
  )
  const data: Start = {
    topology,
    redis: addresses,
    listenAt,
    source: source.url,
    ids: 2_000,
    heartbeat: HEARTBEAT,
    onGap,
  }
  await using group = spawnProcesses(new URL('processes/near.ts', import.meta.url), {
    count: PROCESSES,
    data,
  })
  await group.all('ready', { timeout: 120_000 })
  const progress: Progress[] = []
  for (const process of group.processes)
    void (async () => {
      for (;;)
        progress[process.index] = await process.next<Progress>('progress', { timeout: 600_000 })
    })().catch(() => undefined)
  group.send('go')
  const sum = (field: 'hits' | 'writes' | 'gaps' | 'receivedRows'): number =>
    progress.reduce((total, report) => total + (report?.[field] ?? 0), 0)
  const began = performance.now()
  for (
    let round = 0;
    performance.now() - began < SECONDS * 1_000 || sum('writes') < INVALIDATIONS;
    round++
  ) {
    await sleep(200)
    await faults[round % faults.length]!({ servers, proxies })
  }
  group.send('stop')
  await group.all('stopped', { timeout: 120_000 })
  await sleep(2 * HEARTBEAT + SLACK) // all listen again and have received all messages
  group.send('check')
  const checked = await group.all<Checked>('checked', { timeout: 120_000 })
  group.send('end')
  await Promise.all(proxies.map((proxy) => proxy.close()))
  return {
    hits: sum('hits'),
    writes: sum('writes'),
    gaps: sum('gaps'),
    receivedRows: sum('receivedRows'),
    ownStale: progress.flatMap(({ ownStale }) => ownStale),
    staleAfterMessage: progress.flatMap(({ staleAfterMessage }) => staleAfterMessage),
    oldest: Math.max(...progress.map(({ oldest }) => oldest)),
    wrong: checked.flatMap(({ wrong }) => wrong),
    answering: checked.every(({ answering }) => answering),
  }
}

const killConnections = ({ servers }: Targets): Promise<unknown> =>
  any(servers).cli('CLIENT', 'KILL', 'TYPE', 'pubsub')

/** The connection stays open, but nothing arrives any more. */
async function halfOpenConnection({ proxies }: Targets): Promise<void> {
  const proxy = any(proxies)
  proxy.swallow(Math.random() < 0.5 ? 'both' : 'replies')
  await sleep(HALF_OPEN)
  await proxy.pass()
}

const rest = (): Promise<void> => sleep(600)

async function restartServer({ servers: [server] }: Targets): Promise<void> {
  await server!.kill()
  await sleep(50)
  await server!.restart()
}

const always = [
  ['standalone', 'replay', [killConnections, halfOpenConnection, killConnections, restartServer]],
  ['cluster', 'empty', [killConnections, rest]],
] as const
const inLongRuns = LONG
  ? ([
      [
        'standalone',
        'empty',
        [killConnections, halfOpenConnection, killConnections, restartServer],
      ],
    ] as const)
  : []

it.each([...always, ...inLongRuns])(
  `${PROCESSES} processes invalidate ${INVALIDATIONS} times and connections fail, %s, onGap: %s`,
  async (topology, onGap, faults) => {
    const {
      hits,
      writes,
      gaps,
      receivedRows,
      ownStale,
      staleAfterMessage,
      oldest,
      wrong,
      answering,
    } = await runProcesses(topology, onGap, faults)
    expect(ownStale).toEqual([])
    expect(staleAfterMessage).toEqual([])
    expect(wrong).toEqual([])
    expect(oldest).toBeLessThan(2 * HEARTBEAT + SLACK)
    expect(answering).toBe(true)
    expect(writes).toBeGreaterThanOrEqual(INVALIDATIONS)
    // This is not compared with the number of reads: the faults happen by the clock, and the number
    // of reads between two faults depends on the machine.
    expect(hits).toBeGreaterThan(100)
    expect(gaps).toBeGreaterThan(PROCESSES)
    expect(receivedRows).toBeGreaterThan(PROCESSES * 100)
  },
  (SECONDS + 600) * 1_000,
)

function any<T>(values: readonly T[]): T {
  return values[Math.floor(Math.random() * values.length)]!
}
