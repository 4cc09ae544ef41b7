import { setTimeout as sleep } from 'node:timers/promises'
import { childProcess } from '@cache/testkit'
import { contenders } from '../caches/all.js'
import { product } from '../workload/product.js'
import type { ReaderOptions, ReaderResult, ReaderRequest } from './cold-key.js'

// A process with 250 callers that read the same key at the same time.

const child = childProcess<ReaderOptions>()
const { contender, url, loaderMs } = child.data
const cache = await contenders.find(({ name }) => name === contender)!.open(url)
await cache.getOrLoad(1_000_000 + child.index, async () => product(0))
await child.say('ready')
for (;;) {
  const { id, at } = await child.next<ReaderRequest>()
  await sleep(at - Date.now())
  let loads = 0
  const load = async () => {
    loads++
    await sleep(loaderMs)
    return product(id)
  }
  const latencies = await Promise.all(
    Array.from({ length: 250 }, async () => {
      const started = performance.now()
      await cache.getOrLoad(id, load)
      return performance.now() - started
    }),
  )
  await child.say({ loads, latencies } satisfies ReaderResult)
}
