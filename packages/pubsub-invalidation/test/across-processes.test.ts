import { setTimeout as sleep } from 'node:timers/promises'
import {
  spawnProcesses,
  startCluster,
  startProxy,
  startRedis,
  type RedisServer,
  type TcpProxy,
} from '@cache/testkit'
import { expect, it } from 'vitest'
import type { Checked, Said, Start } from './processes/near.js'

const LONG = process.env.CHAOS !== undefined
const INVALIDATIONS = LONG ? 10_000 : 1_000
const SECONDS = LONG ? 60 : 4
const PROCESSES = 4
const HEARTBEAT = 250
/** What a busy machine may add: a process can't hear what it has no time to read. */
const SLACK = 1_000
/**
 * Far longer than nothing old may be read on it: whoever relies on the end of the connection is
 * found out.
 */
const HALF_OPEN = 12 * HEARTBEAT

interface Faults {
  readonly servers: readonly RedisServer[]
  readonly proxies: readonly TcpProxy[]
}

/**
 * Lets processes read and invalidate while `faults` are done to their connections, and adds up what
 * they saw.
 */
async function harness(
  topology: Start['topology'],
  onGap: Start['onGap'],
  faults: readonly ((on: Faults) => Promise<unknown>)[],
) {
  await using source = await startRedis()
  await using redis = topology === 'cluster' ? await startCluster() : await startRedis()
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
  const said: Said[] = []
  for (const process of group.processes)
    void (async () => {
      for (;;) said[process.index] = await process.next<Said>('so far', { timeout: 600_000 })
    })().catch(() => undefined)
  group.send('go')
  const sum = (of: 'hits' | 'writes' | 'gaps' | 'heard'): number =>
    said.reduce((total, one) => total + (one?.[of] ?? 0), 0)
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
  await sleep(2 * HEARTBEAT + SLACK) // everybody listens again, and what was said was heard
  group.send('check')
  const checked = await group.all<Checked>('checked', { timeout: 120_000 })
  group.send('end')
  await Promise.all(proxies.map((proxy) => proxy.close()))
  return {
    hits: sum('hits'),
    writes: sum('writes'),
    gaps: sum('gaps'),
    heard: sum('heard'),
    ownStale: said.flatMap(({ ownStale }) => ownStale),
    heardStale: said.flatMap(({ heardStale }) => heardStale),
    oldest: Math.max(...said.map(({ oldest }) => oldest)),
    wrong: checked.flatMap(({ wrong }) => wrong),
    answering: checked.every(({ answering }) => answering),
  }
}

const killed = ({ servers }: Faults): Promise<unknown> =>
  any(servers).cli('CLIENT', 'KILL', 'TYPE', 'pubsub')

/** Nothing comes any more, and nobody says so. */
async function halfOpened({ proxies }: Faults): Promise<void> {
  const proxy = any(proxies)
  proxy.swallow(Math.random() < 0.5 ? 'both' : 'replies')
  await sleep(HALF_OPEN)
  await proxy.pass()
}

const rested = (): Promise<void> => sleep(600)

async function restarted({ servers: [server] }: Faults): Promise<void> {
  await server!.kill()
  await sleep(50)
  await server!.restart()
}

const always = [
  ['standalone', 'replay', [killed, halfOpened, killed, restarted]],
  ['cluster', 'empty', [killed, rested]],
] as const
const inLongRuns = LONG
  ? ([['standalone', 'empty', [killed, halfOpened, killed, restarted]]] as const)
  : []

it.each([...always, ...inLongRuns])(
  `${PROCESSES} processes that invalidate ${INVALIDATIONS} times at random, on %s, on a gap: %s; while connections are lost in every way`,
  async (topology, onGap, faults) => {
    const { hits, writes, gaps, heard, ownStale, heardStale, oldest, wrong, answering } =
      await harness(topology, onGap, faults)
    expect(ownStale).toEqual([])
    expect(heardStale).toEqual([])
    expect(wrong).toEqual([])
    expect(oldest).toBeLessThan(2 * HEARTBEAT + SLACK)
    expect(answering).toBe(true)
    expect(writes).toBeGreaterThanOrEqual(INVALIDATIONS)
    // not a share of the reads: the faults come by the clock, and what is read between two of them
    // depends on the machine
    expect(hits).toBeGreaterThan(100)
    expect(gaps).toBeGreaterThan(PROCESSES)
    expect(heard).toBeGreaterThan(PROCESSES * 100)
  },
  (SECONDS + 600) * 1_000,
)

function any<T>(of: readonly T[]): T {
  return of[Math.floor(Math.random() * of.length)]!
}
