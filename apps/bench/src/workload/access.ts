import type { Id } from './ids.js'

/** Returns the next id to read. */
export type NextId<T extends Id> = () => T

/** How the reads are distributed over the ids. */
export type Access = 'uniform' | 'hot'

/** The exponent of the Zipf distribution, as in YCSB. */
const ZIPF = 0.99
/** The length of the drawn sequence. It is repeated, so that drawing costs nothing. */
const DRAWN = 1 << 16

/**
 * Returns a function that draws ids at random: all equally often, or a few of them most of the time
 * (Zipf). The sequence is the same for all contenders and in all runs.
 */
export function draw<T extends Id>(ids: readonly T[], access: Access = 'uniform'): NextId<T> {
  const random = randomNumbers(1)
  const pick = access === 'hot' ? zipf(ids.length) : (at: number) => Math.floor(at * ids.length)
  const drawn = Array.from({ length: DRAWN }, () => ids[pick(random())]!)
  let next = 0
  return () => drawn[next++ & (DRAWN - 1)]!
}

/** Returns a function from a number in [0, 1) to an index: the smaller the index, the likelier. */
function zipf(count: number): (at: number) => number {
  const cumulated: number[] = []
  let sum = 0
  for (let rank = 1; rank <= count; rank++) cumulated.push((sum += 1 / rank ** ZIPF))
  return (at) => {
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (cumulated[middle]! <= at * sum) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Returns a generator of numbers in [0, 1): mulberry32. */
export function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
