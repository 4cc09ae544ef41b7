import type { CacheClient } from '@cache/core'
import type { Measurements } from '@cache/core/internal'
import type { Partition, Partitions } from './partitions.js'
import { measurePartitionScript } from './scripts.js'

/** The state of the queue of one partition. */
export interface PartitionState {
  readonly writes: number
  /** Milliseconds since the oldest of these writes was acknowledged. */
  readonly oldest: number
  readonly owned: boolean
  readonly deadLetters: number
}

export function measurePartitions({ all, client }: Partitions): Promise<PartitionState[]> {
  return Promise.all(all.map((partition) => measurePartition(client, partition)))
}

/** Measures a whole queue, for metrics. */
export async function measureQueue(partitions: Partitions): Promise<Measurements['queue']> {
  const all = await measurePartitions(partitions)
  const sum = (numberOf: (state: PartitionState) => number): number =>
    all.reduce((total, state) => total + numberOf(state), 0)
  return {
    writes: sum(({ writes }) => writes),
    oldest: Math.max(...all.map(({ oldest }) => oldest)),
    deadLetters: sum(({ deadLetters }) => deadLetters),
    unowned: sum(({ writes, owned }) => (writes > 0 && !owned ? 1 : 0)),
  }
}

async function measurePartition(
  client: CacheClient,
  { stream, owner, deadLetters }: Partition,
): Promise<PartitionState> {
  const keys = [stream, owner, deadLetters]
  const [writes, age, owned, dead] = await client.run(measurePartitionScript, keys, [])
  return { writes, oldest: Math.floor(age / 1_000), owned: owned === 1, deadLetters: dead }
}
