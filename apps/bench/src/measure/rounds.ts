import { median } from './statistics.js'

export interface Work {
  readonly name: string
  /** The name of the work that this one is compared with. */
  readonly bare: string
  run(): Promise<unknown>
}

export interface Speed {
  readonly name: string
  readonly microseconds: number
  /** How many times as fast as the bare client in the same round; the median over rounds. */
  readonly ratio: number
  /** Of this process, microseconds per operation. */
  readonly cpu: number
}

export interface Shape {
  /** Operations under way at once. */
  readonly inFlight: number
  readonly operations: number
  readonly rounds: number
}

/**
 * Every round runs each work once, in turn, so that what disturbs the machine disturbs all of them.
 * The first two rounds only warm up.
 */
export async function inRounds(
  works: readonly Work[],
  { inFlight, operations, rounds }: Shape,
): Promise<Speed[]> {
  const measured = new Map(works.map(({ name }) => [name, [] as { wall: number; cpu: number }[]]))
  for (let round = -2; round < rounds; round++) {
    for (const work of turned(works, round)) {
      const cpu = process.cpuUsage()
      const started = performance.now()
      await flown(work, inFlight, operations)
      const wall = ((performance.now() - started) * 1_000) / operations
      const { user, system } = process.cpuUsage(cpu)
      if (round >= 0) measured.get(work.name)!.push({ wall, cpu: (user + system) / operations })
    }
  }
  return works.map(({ name, bare }) => {
    const own = measured.get(name)!
    const theirs = measured.get(bare)!
    return {
      name,
      microseconds: median(own.map(({ wall }) => wall)),
      ratio: median(own.map(({ wall }, i) => theirs[i]!.wall / wall)),
      cpu: median(own.map((one) => one.cpu)),
    }
  })
}

/** Another one begins each round. */
function turned<T>(all: readonly T[], round: number): readonly T[] {
  const by = ((round % all.length) + all.length) % all.length
  return [...all.slice(by), ...all.slice(0, by)]
}

export async function flown(
  work: Pick<Work, 'run'>,
  inFlight: number,
  operations: number,
): Promise<void> {
  let begun = 0
  const one = async (): Promise<void> => {
    while (begun < operations) {
      begun++
      await work.run()
    }
  }
  await Promise.all(Array.from({ length: inFlight }, one))
}
