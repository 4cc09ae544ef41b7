import { startRedis } from '@cache/testkit'
import { product } from '../workload/product.js'
import { bareClients, groupContenders } from '../groups/contenders.js'
import { measureInRounds, type Task } from '../measure/rounds.js'
import { median, precise } from '../measure/statistics.js'
import { countRoundTrips } from '../measure/round-trips.js'
import type { Row, Scenario } from './scenario.js'

const PRODUCTS = 1_000
const groupsOf = (id: number): string[] => [`category:${id % 10}`, `brand:${id % 7}`, 'all']

export const versionedRead: Scenario = {
  name: 'versioned read',
  about:
    'A cached value in 3 groups (tags), each of which can be invalidated at once; against the ' +
    'bare get of a value without groups. Round trips of one read; speed with 100 in flight.',
  async run(scale) {
    await using server = await startRedis()
    const load = async (id: number) => product(id)
    const all = [...bareClients, ...groupContenders]
    const trips = new Map<string, number>()
    for (const [i, { name, open }] of all.entries()) {
      await using roundTrips = await countRoundTrips(server)
      const cache = await open(`${roundTrips.url}/${i}`, load, groupsOf)
      for (let n = 0; n < 4; n++) await cache.get(0)
      trips.set(name, await roundTrips.during(() => cache.get(0)))
      await cache.close()
    }
    const opened = await Promise.all(
      all.map(async ({ name, bare, open }, i) => ({
        name,
        bare,
        cache: await open(`${server.url}/${i}`, load, groupsOf),
      })),
    )
    const tasks: Task[] = []
    for (const { name, bare, cache } of opened) {
      for (let n = 0; n < 2; n++) for (let id = 0; id < PRODUCTS; id++) await cache.get(id)
      let next = 0
      tasks.push({ name, bare, run: () => cache.get(next++ % PRODUCTS) })
    }
    const speeds = await measureInRounds(tasks, {
      inFlight: 100,
      operations: scale === 'full' ? 10_000 : 200,
      rounds: scale === 'full' ? 15 : 1,
    })
    await Promise.all(opened.map(({ cache }) => cache.close()))
    const rows = speeds.map(({ name, microseconds, cpu, ratio }) => ({
      name,
      'round trips': trips.get(name)!,
      'µs each': precise(microseconds),
      'CPU µs each': precise(cpu),
      'times the bare client': precise(ratio),
    }))
    return { shown: 'times the bare client', better: 'more', rows }
  },
}

export const bump: Scenario = {
  name: 'bump',
  about:
    'Invalidates a group with 1 entry, and groups with many; ' +
    'against the same library with 1 entry.',
  async run(scale) {
    const sizes = scale === 'full' ? [1, 1_000, 100_000] : [1, 100]
    const rows: Row[] = []
    for (const { name, open } of groupContenders.filter(({ variant }) => !variant)) {
      await using server = await startRedis()
      let size = 0
      const cache = await open(
        server.url,
        async (id) => product(id),
        () => [`group of ${size}`],
      )
      let first = 0
      for (size of sizes) {
        for (let from = 0; from < size; from += 1_000)
          await Promise.all(
            Array.from({ length: Math.min(1_000, size - from) }, (_, i) =>
              cache.get(first + from + i),
            ),
          )
        first += size
      }
      const took = new Map(sizes.map((each) => [each, [] as number[]]))
      for (let round = 0; round < (scale === 'full' ? 500 : 5); round++) {
        for (const each of sizes) {
          const started = performance.now()
          await cache.invalidateGroup(`group of ${each}`)
          took.get(each)!.push((performance.now() - started) * 1_000)
        }
      }
      await cache.close()
      const one = median(took.get(1)!)
      for (const each of sizes)
        rows.push({
          name: `${name}, ${each} ${each === 1 ? 'entry' : 'entries'}`,
          'µs each': precise(median(took.get(each)!)),
          'times as long as with 1': precise(median(took.get(each)!) / one),
        })
    }
    return { shown: 'times as long as with 1', better: 'less', rows }
  },
}
