import { createCacheClient } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { modulo, rendezvous, shardedDriver } from '@cache/sharding'
import { describe, expect, it } from 'vitest'
import { pinned } from './pinned.js'

const shards = ['a', 'b', 'c'].map((name) => ({ name, weight: 1 }))

describe('pinned', () => {
  it('puts pinned tags on their shards, and the others where the rest puts them', () => {
    const place = pinned({ 'tenant:7': 'c' }, rendezvous()).build(shards)
    const restPlace = rendezvous().build(shards)
    expect(place('tenant:7')).toBe(2)
    for (let i = 100; i < 200; i++) expect(place(`tenant:${i}`)).toBe(restPlace(`tenant:${i}`))
  })

  it('has a name that depends on the pins and on the rest, not on their order', () => {
    const name = pinned({ x: 'a', y: 'b' }, rendezvous()).name
    expect(pinned({ y: 'b', x: 'a' }, rendezvous()).name).toBe(name)
    expect(pinned({ x: 'b', y: 'b' }, rendezvous()).name).not.toBe(name)
    expect(pinned({ x: 'a', y: 'b' }, modulo()).name).not.toBe(name)
  })

  it('refuses a shard that does not exist', () => {
    expect(() => pinned({ x: 'z' }, rendezvous()).build(shards)).toThrow(/pins\.x/)
  })

  it('moves the keys of a tenant to a server of its own, while they are in use', async () => {
    const servers = { a: new MemoryServer(), b: new MemoryServer(), big: new MemoryServer() }
    const at = (server: MemoryServer) => memoryDriver({ server })
    const [a, b, big] = [at(servers.a), at(servers.b), at(servers.big)]
    const driver = shardedDriver({ shards: { a, b }, announceFor: '200ms' })
    const client = createCacheClient(driver)
    const keys = Array.from({ length: 20 }, (_, i) => `{tenant:7}:${i}`)
    for (const key of keys) await client.send({ args: ['SET', key, key], keys: [key] })

    const placement = pinned({ 'tenant:7': 'big' }, rendezvous())
    await driver.reshard({ shards: { a, b, big }, placement })

    const alone = at(servers.big)
    const read = (key: string) => ({ args: ['GET', key] as [string, string], keys: [key] })
    expect(await Promise.all(alone.send(keys.map(read)))).toEqual(keys)
    expect(await Promise.all(keys.map((key) => client.send(read(key))))).toEqual(keys)
    await client.close()
    await alone.close()
  })
})
