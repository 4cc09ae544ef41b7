import type { CacheClient } from '@cache/core'
import { createFormat } from '@cache/core/internal'
import { eventually, type Stage } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createInvalidationBus, withNearCache } from '../src/index.js'
import { cases } from './cases.js'

const format = createFormat<string>()
const write = { ttl: 3_600_000 }
const ROUNDS = 500

describe.each(cases)('on $name', ({ start }) => {
  let stage: Stage<CacheClient>
  beforeAll(async () => void (stage = await start()))
  afterAll(() => stage.stop())

  it('no process that receives a message reads the old value afterwards', async () => {
    const [writer, reader] = [stage.driver(), stage.driver()]
    const [sendingBus, receivingBus] = [
      createInvalidationBus({ client: writer }),
      createInvalidationBus({ client: reader }),
    ]
    await Promise.all([sendingBus.ready(), receivingBus.ready()])
    const { entries } = withNearCache(writer, { bus: sendingBus })
    const keys = Array.from({ length: ROUNDS }, (_, i) => `shop:k:${i}`)
    await Promise.all(keys.map((key) => writer.entries.put(key, format, 'old', write)))
    const readAfterMessage = new Map<string, string | undefined>()
    const reads: Promise<unknown>[] = []
    receivingBus.on('invalidate', ({ keys }) => {
      for (const key of keys) {
        const reading = reader.entries.read(key, format)
        reads.push(reading.then((entry) => readAfterMessage.set(key, entry?.value)))
      }
    })
    const changes = [
      (key: string) => entries.invalidate([key]),
      (key: string) => entries.expire([key], 0),
      (key: string) => entries.put(key, format, 'new', write),
      async (key: string) => {
        await entries.beginWrite([key], key, 60_000)
        await entries.commitWrite(key, key, { ...write, format, value: 'new' })
      },
    ]
    for (let i = 0; i < ROUNDS; i += 10)
      await Promise.all(
        keys.slice(i, i + 10).map((key, j) => changes[(i + j) % changes.length]!(key)),
      )
    await eventually(() => readAfterMessage.size === ROUNDS)
    // A write that has only begun leaves the old value in place.
    const old = [...readAfterMessage].filter(
      ([key, value]) => value === 'old' && keys.indexOf(key) % changes.length !== 3,
    )
    expect(old).toEqual([])
    await Promise.all([sendingBus.close(), receivingBus.close()])
    await Promise.all(reads) // some keys are announced twice
    await Promise.all([writer.close(), reader.close()])
  })
})
