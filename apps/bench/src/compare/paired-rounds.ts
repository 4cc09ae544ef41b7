import { difference, type ServerMeter } from '../measure/server-meter.js'
import { spread, type Spread } from '../measure/statistics.js'
import { BuildProcess, type Build } from './build-process.js'
import type { Comparison } from './comparisons.js'
import type { Place } from './compared-task.js'

/** The costs of the new build, relative to those of the old one in the same round. */
export interface Growth {
  readonly cpu: Spread
  readonly time: Spread
  readonly server: Spread | undefined
}

export interface Side {
  readonly build: Build
  readonly place: Place
}

const WARM_UP = 3

/**
 * Lets two builds do the same work in turns, each in a new process, so that disturbances of the
 * machine affect both.
 *
 * @throws {BuildError} if one cannot do it.
 */
export async function measureGrowth(
  { task, variant, operations, needsCluster }: Comparison,
  [older, newer]: readonly [Side, Side],
  rounds: number,
  servers: ServerMeter,
): Promise<Growth> {
  using olderProcess = new BuildProcess(older.build)
  using newerProcess = new BuildProcess(newer.build)
  const processes = [olderProcess, newerProcess] as const
  for (const [i, { place }] of [older, newer].entries())
    await processes[i]!.ask({ type: 'open', task, variant, place })
  const growth = { cpu: [] as number[], time: [] as number[], server: [] as number[] }
  for (let round = -WARM_UP; round < rounds; round++) {
    const costs = []
    // The one that begins changes with each round.
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
      await processes[i]!.ask({ type: 'before round', operations })
      const before = await servers.sample()
      const cost = await processes[i]!.ask({ type: 'round', operations })
      costs[i] = { ...cost, server: difference(await servers.sample(), before).cpu }
      await processes[i]!.ask({ type: 'after round' })
    }
    if (round < 0) continue
    const [old, current] = costs as [(typeof costs)[0], (typeof costs)[0]]
    growth.cpu.push(current!.cpu / old!.cpu)
    growth.time.push(current!.wall / old!.wall)
    growth.server.push(current!.server / old!.server)
  }
  const usesServer = !['keys', 'near', 'memory'].includes(task)
  return {
    cpu: spread(growth.cpu),
    time: spread(growth.time),
    server: usesServer || needsCluster ? spread(growth.server) : undefined,
  }
}
