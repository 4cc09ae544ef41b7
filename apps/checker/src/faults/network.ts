import { setTimeout as sleep } from 'node:timers/promises'
import type { TcpProxy } from '@cache/testkit'
import type { Fault, FaultContext } from './fault.js'

/** Faults of the connections from one process to one server, or to all servers. */
export const networkFaults = {
  cut: between(50, 800, async (proxies, pause) => {
    await Promise.all(proxies.map((proxy) => proxy.cut()))
    await pause()
    await pass(proxies)
  }),
  drop: between(0, 1, async (proxies) => proxies.forEach((proxy) => proxy.drop())),
  'lost requests': between(100, 1_500, (proxies, pause) => swallow(proxies, 'requests', pause)),
  'lost replies': between(100, 1_500, (proxies, pause) => swallow(proxies, 'replies', pause)),
  silence: between(100, 1_500, (proxies, pause) => swallow(proxies, 'both', pause)),
  delay: between(100, 2_000, async (proxies, pause, { random }) => {
    for (const proxy of proxies)
      proxy.delay(random.between(20, 400), random.pick(['replies', 'both']))
    await pause()
    for (const proxy of proxies) proxy.delay(0, 'both')
  }),
  'half-open connections': between(500, 2_500, async (proxies, pause) => {
    for (const proxy of proxies) proxy.halfOpen()
    await pause()
    await pass(proxies)
  }),
  'late bytes': { ...between(200, 3_000, lateBytes), weight: 2 },
} satisfies Record<string, Fault>

/** Bytes on old connections arrive long after the process has opened new ones. */
async function lateBytes(proxies: readonly TcpProxy[], pause: () => Promise<void>): Promise<void> {
  const held = proxies.map((proxy) => proxy.hold())
  await pause()
  // If the server has closed the connection, the bytes are lost.
  await Promise.all(held.map((requests) => requests.deliver().catch(() => undefined)))
}

async function swallow(
  proxies: readonly TcpProxy[],
  way: 'requests' | 'replies' | 'both',
  pause: () => Promise<void>,
): Promise<void> {
  for (const proxy of proxies) proxy.swallow(way)
  await pause()
  await pass(proxies)
}

async function pass(proxies: readonly TcpProxy[]): Promise<void> {
  await Promise.all(proxies.map((proxy) => proxy.pass()))
}

/** Returns a fault of a random duration, on all proxies of a process or on one of them. */
function between(
  min: number,
  max: number,
  act: (
    proxies: readonly TcpProxy[],
    pause: () => Promise<void>,
    context: FaultContext,
  ) => Promise<void> | void,
): Fault {
  return {
    weight: 1,
    async run(context) {
      const { processes, random } = context
      const { proxies } = random.pick(processes).proxySet
      const some = random.chance(0.5) ? proxies : [random.pick(proxies)]
      const duration = random.between(min, max)
      await act(some, () => sleep(duration).then(() => undefined), context)
    },
  }
}
