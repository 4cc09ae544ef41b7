import { setTimeout as sleep } from 'node:timers/promises'
import type { RedisServer } from '@cache/testkit'
import type { Fault, FaultContext } from './fault.js'

/** How far a clock is set, in ms: more than any short-lived ttl. */
const CLOCK_STEP = 20_000

export const serverFaults = {
  'silent server': {
    weight: 1,
    exclusive: true,
    async run({ topology, random }) {
      const server = random.pick(topology.primaries)
      await server.pause()
      await sleep(random.between(100, 900))
      await server.resume()
    },
  },
  'CLIENT KILL': onPrimary((server) => server.cli('CLIENT', 'KILL', 'TYPE', 'normal')),
  'SCRIPT FLUSH': onPrimary((server) => server.cli('SCRIPT', 'FLUSH')),
  eviction: {
    weight: 2,
    exclusive: true,
    async run({ topology, random }) {
      const server = random.pick(topology.primaries)
      for (let n = random.between(1, 20); n > 0; n--) {
        const key = await server.cli('RANDOMKEY')
        // The key may have moved.
        if (EVICTABLE.test(key)) await server.cli('DEL', key).catch(() => undefined)
      }
    },
  },
  'full memory': {
    weight: 1,
    exclusive: true,
    async run({ topology, random }) {
      const server = random.pick(topology.primaries)
      await server.fill()
      await sleep(random.between(200, 1_500))
      await server.empty()
    },
  },
  clock: {
    weight: 1,
    exclusive: true,
    possible: ({ clock }) => clock,
    // Sets all clocks, because those of a Cluster may not differ by more than a second.
    async run({ topology, random }) {
      const offset = random.pick([-CLOCK_STEP, 0, CLOCK_STEP])
      await Promise.all(topology.servers.map((server) => server.setClock(offset)))
    },
  },
  crash: {
    weight: 1,
    exclusive: true,
    possible: ({ crash }) => crash !== undefined,
    run: ({ topology, random }) => topology.crash!(random),
  },
  failover: {
    weight: 1,
    exclusive: true,
    possible: ({ failover }) => failover !== undefined,
    run: ({ topology, random }) => topology.failover!(random),
  },
  'slot migration': {
    weight: 2,
    exclusive: true,
    possible: ({ migrate }) => migrate !== undefined,
    run: ({ topology, random }) => topology.migrate!(random),
  },
} satisfies Record<string, Fault>

/** Matches entries and their leases, which Redis may evict without breaking a guarantee. */
const EVICTABLE =
  /^check:(aside|through-\w+|known|learnt|item|group|near|counters|rows):\w+(:lease)?$/

function onPrimary(act: (server: RedisServer) => Promise<unknown>): Fault {
  return {
    weight: 1,
    exclusive: true,
    run: async ({ topology, random }: FaultContext) =>
      void (await act(random.pick(topology.primaries))),
  }
}
