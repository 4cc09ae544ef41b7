import { startRedis } from '@cache/testkit'
import { libraries } from '../caches/all.js'
import { product, type Product } from '../workload/product.js'
import type { Row, Scenario } from './scenario.js'

export const staleFill: Scenario = {
  name: 'stale fill',
  about:
    'A reader has loaded, and is held before it stores; meanwhile another instance changes the ' +
    'source and invalidates. How many of the trials leave a stale value for all readers.',
  async run(scale) {
    const trials = scale === 'full' ? 100 : 3
    const rows: Row[] = []
    for (const { name, open } of libraries) {
      await using server = await startRedis()
      const [reader, writer] = await Promise.all([open(server.url), open(server.url)])
      let stale = 0
      for (let id = 0; id < trials; id++) {
        const source = { price: 1 }
        const current = (): Product => ({ ...product(id), price: source.price })
        const hold = signal()
        const loaded = signal()
        const reading = reader.getOrLoad(id, async () => {
          const value = current()
          loaded.give()
          await hold.given
          return value
        })
        await loaded.given
        source.price = 2
        await writer.invalidate(id)
        hold.give()
        await reading
        const { price } = await writer.getOrLoad(id, async () => current())
        if (price !== source.price) stale++
      }
      await Promise.all([reader.close(), writer.close()])
      rows.push({ name, trials, stale })
    }
    return { shown: 'stale', better: 'less', rows }
  },
}

function signal(): { readonly given: Promise<void>; give(): void } {
  let give!: () => void
  return {
    given: new Promise((resolve) => {
      give = resolve
    }),
    give,
  }
}
