import { difference, type ServerMeter, type ServerSample } from './server-meter.js'
import { median, quantile } from './statistics.js'

export interface Task {
  readonly name: string
  /** The name of the task that this one is compared with. */
  readonly bare: string
  run(): Promise<unknown>
}

export interface LoadProfile {
  /** The number of concurrent operations. */
  readonly inFlight: number
  readonly operations: number
  readonly rounds: number
}

/** Times are in microseconds. Those of the CPU and of the server are per operation. */
export interface Speed {
  readonly name: string
  readonly microseconds: number
  /** The latency of a sample of the operations. */
  readonly p50: number
  readonly p99: number
  /** The speed relative to the bare client in the same round; the median over all rounds. */
  readonly ratio: number
  /** The CPU time of this process. */
  readonly cpu: number
  /** The CPU time relative to the bare client in the same round. */
  readonly cpuRatio: number
  /** The work of the servers, if there is a meter. */
  readonly server?: ServerSample
}

interface Round {
  readonly wall: number
  readonly cpu: number
  readonly server: ServerSample | undefined
}

/**
 * Measures tasks in rounds. Each round runs every task once, so that disturbances of the machine
 * affect all of them. The first two rounds only warm up.
 */
export async function measureInRounds(
  tasks: readonly Task[],
  { inFlight, operations, rounds }: LoadProfile,
  servers?: ServerMeter,
): Promise<Speed[]> {
  const measured = new Map(tasks.map(({ name }) => [name, [] as Round[]]))
  const latencies = new Map(tasks.map(({ name }) => [name, [] as number[]]))
  for (let round = -2; round < rounds; round++) {
    for (const work of rotate(tasks, round)) {
      const sampled: number[] = []
      const before = await servers?.sample()
      const cpu = process.cpuUsage()
      const started = performance.now()
      await runConcurrently(work, inFlight, operations, sampled)
      const wall = ((performance.now() - started) * 1_000) / operations
      const { user, system } = process.cpuUsage(cpu)
      const server = before && perOperation(difference(await servers!.sample(), before), operations)
      if (round < 0) continue
      measured.get(work.name)!.push({ wall, cpu: (user + system) / operations, server })
      latencies.get(work.name)!.push(...sampled)
    }
  }
  return tasks.map(({ name, bare }) => {
    const own = measured.get(name)!
    const theirs = measured.get(bare)!
    return {
      name,
      microseconds: median(own.map(({ wall }) => wall)),
      p50: median(latencies.get(name)!),
      p99: quantile(latencies.get(name)!, 0.99),
      ratio: median(own.map(({ wall }, i) => theirs[i]!.wall / wall)),
      cpu: median(own.map((round) => round.cpu)),
      cpuRatio: median(own.map(({ cpu }, i) => cpu / theirs[i]!.cpu)),
      ...(servers && {
        server: {
          cpu: median(own.map(({ server }) => server!.cpu)),
          scripts: median(own.map(({ server }) => server!.scripts)),
          commands: median(own.map(({ server }) => server!.commands)),
        },
      }),
    }
  })
}

/** Returns the profile of a short run, which checks that everything works. */
export function shortened({ inFlight, operations }: LoadProfile): LoadProfile {
  return { inFlight, operations: Math.ceil(operations / 100), rounds: 1 }
}

function perOperation(sample: ServerSample, operations: number): ServerSample {
  return {
    cpu: sample.cpu / operations,
    scripts: sample.scripts / operations,
    commands: sample.commands / operations,
  }
}

/** Rotates the list, so that each round starts with another task. */
function rotate<T>(all: readonly T[], round: number): readonly T[] {
  const by = ((round % all.length) + all.length) % all.length
  return [...all.slice(by), ...all.slice(0, by)]
}

/** The clock is read for every 16th operation only, because it takes as long as a near hit. */
const SAMPLED_EACH = 16

/** Runs operations, and adds the latencies of some of them to `latencies`, in microseconds. */
export async function runConcurrently(
  work: Pick<Task, 'run'>,
  inFlight: number,
  operations: number,
  latencies: number[] = [],
): Promise<void> {
  let started = 0
  const loop = async (): Promise<void> => {
    while (started < operations) {
      if (started++ % SAMPLED_EACH > 0) {
        await work.run()
        continue
      }
      const at = performance.now()
      await work.run()
      latencies.push((performance.now() - at) * 1_000)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
}
