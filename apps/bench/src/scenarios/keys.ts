import { createCacheClient } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { median, precise } from '../measure/statistics.js'
import { idKinds, plainLike } from '../workload/id-kinds.js'
import type { Scenario } from './scenario.js'

export const keys: Scenario = {
  name: 'keys',
  about:
    'The key of an id, of each kind that applications use, ' +
    'against an id of the same length without special characters.',
  async run(scale) {
    const [repeat, rounds] = scale === 'full' ? [100, 25] : [1, 1]
    await using client = createCacheClient(memoryDriver(), { namespace: 'shop' })
    const kinds = Object.entries(idKinds).map(([kind, ids]) => ({
      kind,
      ids,
      plain: ids.map(plainLike),
      own: [] as number[],
      theirs: [] as number[],
    }))
    const timed = (ids: readonly string[]) => nanosecondsEach(client.key, ids, repeat)
    for (let round = -2; round < rounds; round++)
      for (const { ids, plain, own, theirs } of kinds) {
        const measured = [timed(ids), timed(plain)] as const
        if (round < 0) continue
        own.push(measured[0])
        theirs.push(measured[1])
      }
    const rows = kinds.map(({ kind, ids, own, theirs }) => ({
      name: `@cache/core, ${kind} id`,
      'such as': ids[123]!,
      'ns each': precise(median(own)),
      'plain, ns each': precise(median(theirs)),
      'times a plain id': precise(median(own.map((each, i) => each / theirs[i]!))),
    }))
    return { shown: 'times a plain id', better: 'less', rows }
  },
}

/** Makes the keys of all ids `repeat` times, and returns the time of one. */
export function nanosecondsEach(
  keyOf: (id: string) => string,
  ids: readonly string[],
  repeat: number,
): number {
  let length = 0
  const started = process.hrtime.bigint()
  for (let i = 0; i < repeat; i++) for (const id of ids) length += keyOf(id).length
  const took = Number(process.hrtime.bigint() - started)
  if (length === 0) throw new Error('The keys are empty.')
  return took / repeat / ids.length
}
