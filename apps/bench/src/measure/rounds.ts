import { median } from './statistics.js'

export interface Task {
  readonly name: string
  /** The name of the task that this one is compared with. */
  readonly bare: string
  run(): Promise<unknown>
}

export interface Speed {
  readonly name: string
  readonly microseconds: number
  /** The speed relative to the bare client in the same round; the median over all rounds. */
  readonly ratio: number
  /** The CPU time of this process, in microseconds per operation. */
  readonly cpu: number
}

export interface LoadProfile {
  /** The number of concurrent operations. */
  readonly inFlight: number
  readonly operations: number
  readonly rounds: number
}

/**
 * Measures tasks in rounds. Each round runs every task once, so that disturbances of the machine
 * affect all of them. The first two rounds only warm up.
 */
export async function measureInRounds(
  tasks: readonly Task[],
  { inFlight, operations, rounds }: LoadProfile,
): Promise<Speed[]> {
  const measured = new Map(tasks.map(({ name }) => [name, [] as { wall: number; cpu: number }[]]))
  for (let round = -2; round < rounds; round++) {
    for (const work of rotate(tasks, round)) {
      const cpu = process.cpuUsage()
      const started = performance.now()
      await runConcurrently(work, inFlight, operations)
      const wall = ((performance.now() - started) * 1_000) / operations
      const { user, system } = process.cpuUsage(cpu)
      if (round >= 0) measured.get(work.name)!.push({ wall, cpu: (user + system) / operations })
    }
  }
  return tasks.map(({ name, bare }) => {
    const own = measured.get(name)!
    const theirs = measured.get(bare)!
    return {
      name,
      microseconds: median(own.map(({ wall }) => wall)),
      ratio: median(own.map(({ wall }, i) => theirs[i]!.wall / wall)),
      cpu: median(own.map((sample) => sample.cpu)),
    }
  })
}

/** Rotates the list, so that each round starts with another task. */
function rotate<T>(all: readonly T[], round: number): readonly T[] {
  const by = ((round % all.length) + all.length) % all.length
  return [...all.slice(by), ...all.slice(0, by)]
}

export async function runConcurrently(
  work: Pick<Task, 'run'>,
  inFlight: number,
  operations: number,
): Promise<void> {
  let started = 0
  const loop = async (): Promise<void> => {
    while (started < operations) {
      started++
      await work.run()
    }
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
}
