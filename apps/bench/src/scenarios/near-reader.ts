import { setImmediate as turn } from 'node:timers/promises'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis-6'
import { product } from '../caches/cache.js'
import { nearContenders } from '../near/contenders.js'
import type { Fresh, Given, Told } from './near.js'

// A process that has one product near, and reads it until its price is what the source has.

const child = childProcess<Given>()
const { contender, url, source: database } = child.data
const source = new Redis(database)
const cache = await nearContenders.find(({ name }) => name === contender)!.open(url)
const read = () =>
  cache.getOrLoad(0, async () => ({ ...product(0), price: Number(await source.get('price')) }))
await read()
await child.say('ready')
for (;;) {
  const { price } = await child.next<Told>('price', { timeout: 60_000 })
  for (let i = 0; i < 20; i++) {
    // near by now
    await read()
    await turn()
  }
  await child.say('reading')
  while ((await read()).price !== price) await turn()
  await child.say({ type: 'fresh', at: process.hrtime.bigint() } satisfies Fresh)
}
