import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { FOUR, THREE, keepReading, reshardHelpers } from './reshard-helpers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c', 'd')
const { startProcess, reshardTo, keysOn } = reshardHelpers(setup)

describe('a reshard under load', () => {
  it('moves every key of every type with its time to live, and leaves nothing behind', async () => {
    const { driver, client } = startProcess(THREE)
    const ask = (...args: [string, string, ...string[]]) => client.send({ args, keys: [args[1]] })
    for (let i = 0; i < 3_000; i++) void ask('SET', `plain:${i}`, String(i))
    for (let i = 0; i < 300; i++)
      await Promise.all([
        ask('SET', `ttl:${i}`, 'x', 'PX', '600000'),
        ask('RPUSH', `{list:${i}}:q`, 'a', 'b'),
        ask('HSET', `hash:${i}`, 'f', 'v'),
        ask('ZADD', `sorted:${i}`, '1.5', 'm'),
        ask('XADD', `stream:${i}`, '1-1', 'f', 'v'),
      ])
    await reshardTo(driver, FOUR)
    for (const name of FOUR)
      for (const key of await keysOn(name)) expect(driver.shardOf(key)).toBe(name)
    expect((await keysOn('d')).length).toBeGreaterThan(500)
    for (let i = 0; i < 300; i++) {
      expect(
        await Promise.all([
          ask('LRANGE', `{list:${i}}:q`, '0', '-1'),
          ask('HGET', `hash:${i}`, 'f'),
          ask('ZSCORE', `sorted:${i}`, 'm'),
          ask('XLEN', `stream:${i}`),
          ask('PTTL', `plain:${i}`),
        ]),
      ).toEqual([['a', 'b'], 'v', '1.5', 1, -1])
      expect(await ask('PTTL', `ttl:${i}`)).toBeGreaterThan(500_000)
    }
    expect(
      await Promise.all(Array.from({ length: 3_000 }, (_, i) => ask('GET', `plain:${i}`))),
    ).toEqual(Array.from({ length: 3_000 }, (_, i) => String(i)))
    await reshardTo(driver, THREE)
    expect(await keysOn('d')).toEqual([])
    expect(
      await Promise.all(Array.from({ length: 3_000 }, (_, i) => ask('GET', `plain:${i}`))),
    ).toEqual(Array.from({ length: 3_000 }, (_, i) => String(i)))
  }, 120_000)

  it('loses and repeats no increments of 4 processes that join at different times', async () => {
    const processes = Array.from({ length: 4 }, () => startProcess(THREE, 800))
    const counters = new Map<string, { acknowledged: number; uncertain: number }>()
    const values = new Map<string, Set<number>>()
    const duplicates: string[] = []
    const stop = new AbortController()
    const load = processes.map(async ({ client }) => {
      // The turn of the event loop ends even if every command fails at once.
      for (let i = 0; !stop.signal.aborted; i++, await nextTurn()) {
        await Promise.all(
          Array.from({ length: 10 }, async (_, j) => {
            const key = `counter:${(i * 7 + j) % 60}`
            const count = counters.get(key) ?? { acknowledged: 0, uncertain: 0 }
            counters.set(key, count)
            try {
              const value = (await client.send({ args: ['INCR', key], keys: [key] })) as number
              count.acknowledged++
              const known = values.get(key) ?? new Set()
              if (known.has(value)) duplicates.push(`${key}: ${value} twice`)
              values.set(key, known.add(value))
            } catch {
              count.uncertain++
            }
          }),
        )
      }
    })
    for (const names of [FOUR, THREE]) {
      await sleep(200)
      await Promise.all(
        processes.map(async ({ driver }, i) => {
          await sleep(i * 150)
          await reshardTo(driver, names)
        }),
      )
    }
    stop.abort()
    await Promise.all(load)
    expect(duplicates).toEqual([])
    for (const [key, { acknowledged, uncertain }] of counters) {
      const value = Number(await processes[0]!.client.send({ args: ['GET', key], keys: [key] }))
      expect(value).toBeGreaterThanOrEqual(acknowledged)
      expect(value).toBeLessThanOrEqual(acknowledged + uncertain)
    }
    const all = [...counters.values()]
    expect(all.reduce((sum, { uncertain }) => sum + uncertain, 0)).toBeLessThan(
      all.reduce((sum, { acknowledged }) => sum + acknowledged, 0) / 100,
    )
  }, 120_000)

  it('never refuses a read of many keys, and every read returns every value', async () => {
    const { driver, client } = startProcess(THREE)
    const stop = await keepReading(client)
    for (const names of [FOUR, THREE]) await reshardTo(driver, names)
    expect(await stop()).toEqual([])
  }, 90_000)
})
