import { setImmediate as turn } from 'node:timers/promises'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis-6'
import { product } from '../workload/product.js'
import { nearContenders } from '../near/contenders.js'
import type { FreshRead, ReaderOptions, ReaderRequest } from './near.js'

// A process with one product in its near cache. It reads the product until its price is current.

const child = childProcess<ReaderOptions>()
const { contender, url, source: database } = child.data
const source = new Redis(database)
const cache = await nearContenders.find(({ name }) => name === contender)!.open(url)
const read = () =>
  cache.getOrLoad(0, async () => ({ ...product(0), price: Number(await source.get('price')) }))
await read()
await child.say('ready')
for (;;) {
  const { price } = await child.next<ReaderRequest>('price', { timeout: 60_000 })
  for (let i = 0; i < 20; i++) {
    // Makes sure that the product is in the near cache.
    await read()
    await turn()
  }
  await child.say('reading')
  while ((await read()).price !== price) await turn()
  await child.say({ type: 'fresh', at: process.hrtime.bigint() } satisfies FreshRead)
}
