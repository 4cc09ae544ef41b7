import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { FOUR, THREE, changing, keepReading } from './changing.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change, keysOn } = changing(on)

describe('while it runs', () => {
  it('every key of every type is found again in its new place with its time to live, and the old places are empty of it', async () => {
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
    await change(driver, FOUR)
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
    await change(driver, THREE)
    expect(await keysOn('d')).toEqual([])
    expect(
      await Promise.all(Array.from({ length: 3_000 }, (_, i) => ask('GET', `plain:${i}`))),
    ).toEqual(Array.from({ length: 3_000 }, (_, i) => String(i)))
  }, 120_000)

  it('counters that 4 processes count up without a pause, each told at another time, lose nothing and count nothing twice', async () => {
    const processes = Array.from({ length: 4 }, () => startProcess(THREE, 800))
    const counted = new Map<string, { sure: number; unsure: number }>()
    const seen = new Map<string, Set<number>>()
    const doubles: string[] = []
    const stop = new AbortController()
    const load = processes.map(async ({ client }) => {
      for (let i = 0; !stop.signal.aborted; i++) {
        await Promise.all(
          Array.from({ length: 10 }, async (_, j) => {
            const key = `counter:${(i * 7 + j) % 60}`
            const count = counted.get(key) ?? { sure: 0, unsure: 0 }
            counted.set(key, count)
            try {
              const value = (await client.send({ args: ['INCR', key], keys: [key] })) as number
              count.sure++
              const known = seen.get(key) ?? new Set()
              if (known.has(value)) doubles.push(`${key}: ${value} twice`)
              seen.set(key, known.add(value))
            } catch {
              count.unsure++
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
          await change(driver, names)
        }),
      )
    }
    stop.abort()
    await Promise.all(load)
    expect(doubles).toEqual([])
    for (const [key, { sure, unsure }] of counted) {
      const value = Number(await processes[0]!.client.send({ args: ['GET', key], keys: [key] }))
      expect(value).toBeGreaterThanOrEqual(sure)
      expect(value).toBeLessThanOrEqual(sure + unsure)
    }
    const all = [...counted.values()]
    expect(all.reduce((sum, { unsure }) => sum + unsure, 0)).toBeLessThan(
      all.reduce((sum, { sure }) => sum + sure, 0) / 100,
    )
  }, 120_000)

  it('many keys at once are read all the time: no command is refused, nothing is missing', async () => {
    const { driver, client } = startProcess(THREE)
    const stop = await keepReading(client)
    for (const names of [FOUR, THREE]) await change(driver, names)
    expect(await stop()).toEqual([])
  }, 60_000)
})
