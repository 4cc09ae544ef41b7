import { startRedis, type RedisServer } from '@cache/testkit'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import * as after from './after.js'
import * as before from './before.js'
import { drained } from './drain.js'
import { MemoryTable, type Profiles } from './profiles.js'

let redis: RedisServer
beforeEach(async () => void (redis = await startRedis()))
afterEach(() => redis.stop())

const both = Object.entries({ before, after }).map(([name, program]) => ({ name, ...program }))
const ada = { name: 'Ada', city: 'London' }

describe.each(both)('$name', ({ createProfiles }) => {
  it('a write can be read at once, and reaches the table later', async () => {
    const table = new MemoryTable()
    const profiles = await createProfiles(redis.url, table)
    await profiles.put('1', ada)
    expect(await profiles.get('1')).toEqual(ada)
    await profiles.drained()
    expect(await table.find('1')).toEqual(ada)
    expect(await profiles.get('2')).toBe(undefined)
    await profiles.close()
  })

  it('a write that fails is tried again', async () => {
    const table = new MemoryTable()
    const profiles = await createProfiles(redis.url, table)
    let refusals = 2
    table.refuse(() => refusals-- > 0)
    await profiles.put('1', ada)
    await profiles.drained()
    expect(await table.find('1')).toEqual(ada)
    await profiles.close()
  })

  it('two processes share the work', async () => {
    const table = new MemoryTable()
    const processes: Profiles[] = [
      await createProfiles(redis.url, table),
      await createProfiles(redis.url, table),
    ]
    const ids = Array.from({ length: 50 }, (_, i) => `${i}`)
    await Promise.all(ids.map((id, i) => processes[i % 2]!.put(id, { ...ada, name: id })))
    for (const { drained } of processes) await drained()
    for (const id of ids) expect((await table.find(id))?.name).toBe(id)
    for (const { close } of processes) await close()
  })
})

describe('what differs', () => {
  it('a retry of the old queue overwrites a newer write, and ours does not', async () => {
    const city = async ({ createProfiles }: typeof before | typeof after) => {
      const table = new MemoryTable()
      const profiles = await createProfiles(redis.url, table)
      table.refuse((profile) => profile.city === 'London') // for a while
      await profiles.put('1', { ...ada, city: 'London' })
      await profiles.put('1', { ...ada, city: 'Turin' })
      for (let i = 0; i < 50 && (await table.find('1')) === undefined; i++) await sleep(20)
      table.refuse(() => false)
      await profiles.drained()
      await profiles.close()
      return (await table.find('1'))!.city
    }
    expect(await city(before)).toBe('London')
    await redis.flush()
    expect(await city(after)).toBe('Turin')
  })

  it('100 writes of a row are 100 writes of the table, or fewer', async () => {
    const writes = async ({ createProfiles }: typeof before | typeof after) => {
      const table = new MemoryTable()
      const profiles = await createProfiles(redis.url, table)
      await Promise.all(
        Array.from({ length: 100 }, (_, i) => profiles.put('1', { ...ada, city: `${i}` })),
      )
      await profiles.drained()
      await profiles.close()
      return table.writes
    }
    expect(await writes(before)).toBe(100)
    await redis.flush()
    expect(await writes(after)).toBeLessThan(100)
  })

  it('if the cache is evicted, only ours still returns a write that waits', async () => {
    const read = async ({ createProfiles }: typeof before | typeof after, key: string) => {
      const table = new MemoryTable()
      table.refuse(() => true)
      const profiles = await createProfiles(redis.url, table)
      await profiles.put('1', ada)
      expect(Number(await redis.cli('DEL', key))).toBe(1)
      const profile = await profiles.get('1')
      table.refuse(() => false)
      await profiles.drained()
      await profiles.close()
      return profile
    }
    expect(await read(before, 'profile:1')).toBe(undefined)
    await redis.flush()
    const keys = async () => String(await redis.cli('KEYS', 'shop:*')).split('\n')
    const profiles = await after.createProfiles(redis.url, new MemoryTable())
    await profiles.put('1', ada)
    const entry = (await keys()).find((key) => key.endsWith(':1'))!
    await profiles.drained()
    await profiles.close()
    await redis.flush()
    expect(await read(after, entry)).toEqual(ada)
  })
})

describe('during the deployment', () => {
  it('the keys of both do not meet', async () => {
    for (const { name, createProfiles } of both) {
      const profiles = await createProfiles(redis.url, new MemoryTable())
      await profiles.put('1', ada)
      await profiles.drained()
      const keys = String(await redis.cli('KEYS', '*')).split('\n')
      for (const key of keys) expect(key).toMatch(name === 'before' ? /^(bull|profile):/ : /^shop:/)
      await profiles.close()
      await redis.flush()
    }
  })

  it('drained() waits for delayed retries, and counts what failed for good', async () => {
    const connection = new Redis(redis.url, { maxRetriesPerRequest: null })
    const queue = new Queue('profiles', { connection })
    let attempts = 0
    const worker = new Worker(
      'profiles',
      async ({ name }) => {
        attempts++
        if (name === 'bad' || attempts < 4) throw new Error('no')
      },
      { connection },
    )
    await queue.add('good', {}, { attempts: 9, backoff: { type: 'fixed', delay: 100 } })
    await queue.add('bad', {}, { attempts: 2, backoff: { type: 'fixed', delay: 100 } })
    expect(await drained(queue)).toEqual({ failed: 1 })
    await worker.close()
    await queue.close()
    connection.disconnect()
  })
})
