import { jump, ketama, modulo, rendezvous, type Placement } from '@cache/sharding'
import HashRing from 'hashring'
import { measureInRounds } from '../measure/rounds.js'
import { precise } from '../measure/statistics.js'
import type { Row, Scenario } from './scenario.js'

const SHARDS = 8
const BATCH = 1_000

/** Returns the name of the server of a key. */
type Locate = (key: string) => string

interface Contender {
  readonly name: string
  open(servers: readonly string[]): Locate
}

const ours = (placement: Placement): Contender => ({
  name: `@cache/sharding, ${placement.name}()`,
  open(servers) {
    const locate = placement.build(servers.map((name) => ({ name, weight: 1 })))
    return (key) => servers[locate(key)]!
  },
})

const hashring = (name: string, options: ConstructorParameters<typeof HashRing>[2]): Contender => ({
  name,
  open(servers) {
    const ring = new HashRing([...servers], 'md5', options)
    return (key) => ring.get(key)
  },
})

export const contenders: readonly Contender[] = [
  ours(rendezvous()),
  ours(ketama()),
  ours(jump()),
  ours(modulo()),
  hashring('hashring', {}),
  hashring('hashring, without its cache', { 'max cache size': 1 }),
]

export const placement: Scenario = {
  name: 'placement',
  about:
    `Key → shard, ${SHARDS} shards, new keys; how much more than the average the fullest shard ` +
    'has, and how many keys move when a shard is added.',
  async run(scale) {
    const count = scale === 'full' ? 1_000_000 : 2_000
    const keys = Array.from({ length: count }, (_, i) => `shop:product:${i}`)
    const [before, after] = [servers(SHARDS), servers(SHARDS + 1)]
    const tasks = contenders.map(({ name, open }) => {
      const locate = open(before)
      let next = 0
      return {
        name,
        bare: '@cache/sharding, modulo()',
        async run() {
          for (let i = 0; i < BATCH; i++) locate(keys[next++ % count]!)
        },
      }
    })
    const speeds = await measureInRounds(tasks, {
      inFlight: 1,
      operations: scale === 'full' ? 50 : 1,
      rounds: scale === 'full' ? 15 : 1,
    })
    const rows = contenders.map(({ name, open }, i): Row => {
      const [first, second] = [open(before), open(after)]
      const counts = new Map<string, number>()
      let moved = 0
      for (const key of keys) {
        const server = first(key)
        counts.set(server, (counts.get(server) ?? 0) + 1)
        if (second(key) !== server) moved++
      }
      return {
        name,
        'times modulo': precise(speeds[i]!.ratio),
        'ns each': precise((speeds[i]!.microseconds * 1_000) / BATCH),
        'fullest / average': (Math.max(...counts.values()) / (count / SHARDS)).toFixed(3),
        'moved by another, %': precise((moved / count) * 100),
      }
    })
    return { shown: 'times modulo', better: 'more', rows }
  },
}

export function servers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}:6379`)
}
