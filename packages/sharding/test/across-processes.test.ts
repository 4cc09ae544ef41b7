import { setTimeout as sleep } from 'node:timers/promises'
import { spawnProcesses, startRedis } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { rendezvous } from '../src/index.js'
import { NAMES, type Name } from './drivers.js'
import type { Order, Report, Start, Window } from './processes/service.js'

const file = new URL('./processes/service.ts', import.meta.url)
const PROCESSES = 3
const IDS = 600
const ANNOUNCE_FOR = 2_000
const ROUNDS = process.env.CHAOS ? 5 : 1
const STEADY = process.env.CHAOS ? 5_000 : 1_500

/**
 * Runs processes that serve rows from 3 shards, and changes to other shards under load. Returns
 * what they did before and during the changes.
 *
 * @param uncoordinated Each process changes as soon as it is told to.
 */
async function run(changes: readonly (readonly Name[])[], uncoordinated = false) {
  await using source = await startRedis()
  const servers = await Promise.all(NAMES.map(() => startRedis()))
  const urls = Object.fromEntries(NAMES.map((name, i) => [name, servers[i]!.url])) as Record<
    Name,
    string
  >
  await using group = spawnProcesses(file, {
    count: PROCESSES,
    data: { urls, source: source.url, ids: IDS, announceFor: ANNOUNCE_FOR } satisfies Start,
  })
  await group.all('ready', { timeout: 60_000 })
  group.send({ do: 'work' } satisfies Order)
  await group.all('working', { timeout: 60_000 })
  await sleep(500)
  const began = Date.now()
  await sleep(uncoordinated ? 0 : STEADY)
  const changesBegan = Date.now()
  for (const to of changes) {
    const changed = group.processes.map(async (process, i) => {
      await sleep(i * 250) // each process is told at another time
      process.send({ do: 'change', to, uncoordinated } satisfies Order)
      return process.next<{ error?: string }>('changed', { timeout: 60_000 })
    })
    for (const { error } of await Promise.all(changed))
      if (error !== undefined) throw new Error(error)
    await sleep(uncoordinated ? 500 : 300)
  }
  const ended = Date.now()
  group.send({ do: 'report' } satisfies Order)
  const reports = await group.all<Report>('report')
  await Promise.all(servers.map((server) => server.stop()))
  /** Sums up what all processes did in each second. */
  const windows = (from: number, to: number): Window[] => {
    const bySecond = new Map<number, Window>()
    for (const { windows } of reports) {
      for (const [at, { reads, hits, writes, failed, slowest }] of windows) {
        if (at * 100 < from || at * 100 + 100 > to) continue
        const n = Math.floor((at * 100 - from) / 1_000)
        const sum = bySecond.get(n) ?? { reads: 0, hits: 0, writes: 0, failed: 0, slowest: 0 }
        bySecond.set(n, {
          reads: sum.reads + reads,
          hits: sum.hits + hits,
          writes: sum.writes + writes,
          failed: sum.failed + failed,
          slowest: Math.max(sum.slowest, slowest),
        })
      }
    }
    bySecond.delete(Math.floor((to - from) / 1_000)) // the last second is not complete
    return [...bySecond.values()]
  }
  return {
    stale: reports.flatMap(({ stale }) => stale),
    errors: reports.flatMap(({ errors }) => errors),
    before: windows(began, changesBegan),
    during: windows(changesBegan, ended),
  }
}

const sum = (windows: readonly Window[], field: keyof Window): number =>
  windows.reduce((total, window) => total + window[field], 0)

describe(`${PROCESSES} processes that read and change rows while shards change`, () => {
  it('3 → 4 → 3: no read is stale; hit rate and load on the source stay the same', async () => {
    const to: Name[][] = [
      ['a', 'b', 'c', 'd'],
      ['a', 'b', 'c'],
    ]
    const { stale, errors, before, during } = await run(
      Array.from({ length: ROUNDS }, () => to).flat(),
    )
    expect(stale).toEqual([])
    const share = movedShare()
    const usual = {
      hitRate: sum(before, 'hits') / sum(before, 'reads'),
      loads: (sum(before, 'reads') - sum(before, 'hits')) / before.length,
      reads: sum(before, 'reads') / before.length,
    }
    expect(usual.hitRate).toBeGreaterThan(0.5)
    for (const { hits, reads } of during) {
      expect(hits / reads).toBeGreaterThan(usual.hitRate * (1 - share))
      // there are more reads when the machine has more time
      expect(reads - hits).toBeLessThan(2 * usual.loads * Math.max(1, reads / usual.reads))
    }
    expect(sum(during, 'writes')).toBeGreaterThan(100)
    expect(sum(during, 'failed'), errors.join('\n')).toBeLessThan(sum(during, 'writes') / 50)
  }, 300_000)

  it('detects stale reads if each process changes as soon as it is told to', async () => {
    let staleReads = 0
    for (let round = 0; round < 5 && staleReads === 0; round++)
      staleReads = (
        await run(
          [
            ['a', 'b', 'c', 'd'],
            ['a', 'b', 'c'],
          ],
          true,
        )
      ).stale.length
    expect(staleReads).toBeGreaterThan(0)
  }, 120_000)
})

/** Returns the share of the rows that move to the fourth shard. */
function movedShare(): number {
  const [three, four] = [3, 4].map((count) =>
    rendezvous().build(NAMES.slice(0, count).map((name) => ({ name, weight: 1 }))),
  )
  const ids = Array.from({ length: IDS }, (_, id) => `row:${id}`)
  return ids.filter((id) => three!(id) !== four!(id)).length / IDS
}
