import { spawnProcesses, startProxy, startRedis, type TcpProxy } from '@cache/testkit'
import { describe, expect, it } from 'vitest'

/** The message of a process that held locks. All times are in µs. */
interface LostMessage {
  readonly losses: readonly Loss[]
}
interface Loss {
  readonly name: string
  /** When the signal aborted. */
  readonly abortedAt: number
  /** Whether `assertHeld()` threw when the signal aborted. */
  readonly threw: boolean
  /** When `assertHeld()` last returned. */
  readonly lastHeldAt: number
  /** The last time that the process did not run for more than 30 ms. */
  readonly pause?: { readonly from: number; readonly to: number }
}
/** The message of the process that waited for the locks. */
interface AcquiredMessage {
  readonly acquisitions: readonly { readonly name: string; readonly at: number }[]
}

const program = new URL('./processes/holder.js', import.meta.url)
const TTL = 2_000
/** In µs. */
const AT_ONCE = 5_000
/** The number of locks. Each fault affects a fifth of them. */
const HELD = 50
/** How often the test runs. The faults happen at random times between two renewals. */
const RUNS = process.env.CHAOS ? 10 : 1

const faults: readonly ((proxy: TcpProxy) => unknown)[] = [
  (proxy) => proxy.cut(),
  (proxy) => proxy.swallow('replies'),
  (proxy) => proxy.swallow('both'),
  (proxy) => proxy.swallow('requests'),
  (proxy) => proxy.delay(60_000),
]

describe.each(['ioredis', 'node-redis'] as const)(
  'a holder that loses its connection to Redis, on %s',
  (client) => {
    it.each(Array.from({ length: RUNS }, (_, i) => i + 1))(
      `knows it before another has the lock: ${HELD} locks, run %i of ${RUNS}`,
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
            // a random time between two renewals
            await new Promise((resolve) => setTimeout(resolve, (Math.random() * TTL) / 3))
          }
          const lost = (await Promise.all(groups.map((group) => group.all<LostMessage>('lost'))))
            .flat()
            .flatMap(({ losses }) => losses)
          const [{ acquisitions }] = (await waiting.all<AcquiredMessage>('acquired')) as [
            AcquiredMessage,
          ]
          expect(lost).toHaveLength(HELD)
          const acquiredAt = new Map(acquisitions.map(({ name, at }) => [name, at]))
          const isComplete = ({ name, abortedAt, lastHeldAt }: Loss): boolean =>
            [abortedAt, lastHeldAt, acquiredAt.get(name)].every((at) => Number.isFinite(at))
          expect(lost.filter((loss) => !isComplete(loss))).toEqual([])
          // A signal cannot reach a process that does not run. It must then abort as soon as the
          // process runs again.
          const abortedInTime = ({ name, abortedAt, pause }: Loss): boolean =>
            abortedAt < acquiredAt.get(name)! ||
            (pause !== undefined &&
              pause.from < acquiredAt.get(name)! &&
              abortedAt <= pause.to + AT_ONCE)
          const late = lost.filter(
            (loss) =>
              !loss.threw || !abortedInTime(loss) || loss.lastHeldAt >= acquiredAt.get(loss.name)!,
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
