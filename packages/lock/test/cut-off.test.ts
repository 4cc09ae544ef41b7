import { spawnProcesses, startProxy, startRedis, type TcpProxy } from '@cache/testkit'
import { describe, expect, it } from 'vitest'

interface Lost {
  readonly rounds: readonly {
    readonly name: string
    readonly aborted: number
    readonly threw: boolean
    readonly last: number
    /** The last time that its process did not run for more than 30 ms. */ readonly asleep?: {
      readonly from: number
      readonly to: number
    }
  }[]
}
interface Acquired {
  readonly rounds: readonly { readonly name: string; readonly at: number }[]
}

const program = new URL('./processes/holder.js', import.meta.url)
const TTL = 2_000
/** µs. */
const AT_ONCE = 5_000
/** Locks held at one time, a fifth of them behind each cut. */
const HELD = 50
/** How often each fault strikes, each time at another moment between two renewals. */
const TIMES = process.env.CHAOS ? 10 : 1

const faults: readonly ((proxy: TcpProxy) => unknown)[] = [
  (proxy) => proxy.cut(),
  (proxy) => proxy.swallow('replies'),
  (proxy) => proxy.swallow('both'),
  (proxy) => proxy.swallow('requests'),
  (proxy) => proxy.delay(60_000),
]

describe.each(['ioredis', 'node-redis'] as const)(
  'a holder that is cut off from Redis, on %s',
  (client) => {
    it.each(Array.from({ length: TIMES }, (_, i) => i + 1))(
      `knows so before any other process has the lock: ${HELD} locks, ${faults.length} cuts, time %i of ${TIMES}`,
      async () => {
        await using server = await startRedis()
        const names = (i: number): string[] =>
          Array.from({ length: HELD / faults.length }, (_, j) => `${i} ${j}`)
        await using waiting = spawnProcesses(program, { data: { client, url: server.url } })
        const proxies = await Promise.all(faults.map(() => startProxy(server)))
        const groups = proxies.map((proxy) =>
          spawnProcesses(program, { data: { client, url: proxy.url } }),
        )
        try {
          await Promise.all([waiting, ...groups].map((group) => group.all('ready')))
          for (const [i, group] of groups.entries())
            group.send({ do: 'hold', names: names(i), ttl: TTL })
          await Promise.all(groups.map((group) => group.all('holding')))
          waiting.send({ do: 'wait', names: faults.flatMap((_, i) => names(i)), ttl: TTL })
          await new Promise((resolve) => setTimeout(resolve, TTL))
          for (const [i, fault] of faults.entries()) {
            await fault(proxies[i]!)
            // at any moment between two renewals
            await new Promise((resolve) => setTimeout(resolve, (Math.random() * TTL) / 3))
          }
          const lost = (await Promise.all(groups.map((group) => group.all<Lost>('lost'))))
            .flat()
            .flatMap(({ rounds }) => rounds)
          const [{ rounds: acquired }] = (await waiting.all<Acquired>('acquired')) as [Acquired]
          expect(lost).toHaveLength(HELD)
          const byName = new Map(acquired.map(({ name, at }) => [name, at]))
          const seen = ({ name, aborted, last }: (typeof lost)[0]): boolean =>
            [aborted, last, byName.get(name)].every((at) => Number.isFinite(at))
          expect(lost.filter((one) => !seen(one))).toEqual([])
          // No signal reaches a process that does not run, but it must be the first that it hears
          // of when it goes on.
          const told = ({ name, aborted, asleep }: (typeof lost)[0]): boolean =>
            aborted < byName.get(name)! ||
            (asleep !== undefined &&
              asleep.from < byName.get(name)! &&
              aborted <= asleep.to + AT_ONCE)
          const late = lost.filter(
            (one) => !one.threw || !told(one) || one.last >= byName.get(one.name)!,
          )
          expect(late).toEqual([])
        } finally {
          await Promise.all([
            ...groups.map((group) => group.stop()),
            ...proxies.map((proxy) => proxy.close()),
          ])
        }
      },
    )
  },
  120_000,
)
