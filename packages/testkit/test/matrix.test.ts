import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { matrix, type Stage } from '../src/index.js'

/** The methods that both libraries have in common. */
interface Client {
  set(key: string, value: string): Promise<unknown>
  get(key: string): Promise<unknown>
}

const drivers = {
  ioredis: (raw: Client) => raw,
  'node-redis': (raw: Client) => raw,
  sharded: ([, raw]: readonly Client[]) => raw!,
}

describe.each(matrix<Client>(drivers, { sentinel: true, majors: true, sharded: true }))(
  'on $name',
  ({ start, topology, client }) => {
    let stage: Stage<Client>
    beforeAll(async () => void (stage = await start()))
    beforeEach(() => stage.flush())
    afterAll(() => stage.stop())

    it('a raw client is connected, and a flush deletes its keys on every node', async () => {
      const raw = (await stage.raw()) as Client
      const keys = ['a', 'b', 'c', 'd', 'e', 'f']
      await Promise.all(keys.map((key) => raw.set(key, 'value')))
      expect(await Promise.all(keys.map((key) => raw.get(key)))).toEqual(keys.map(() => 'value'))
      await stage.flush()
      expect(await Promise.all(keys.map((key) => raw.get(key)))).toEqual(keys.map(() => null))
    })

    it('each driver has its own client of the right kind', async () => {
      expect(stage.driver()).not.toBe(stage.driver())
      expect('status' in stage.driver()).toBe(client === 'ioredis')
      const servers = [stage.server, stage.cluster, stage.sentinel]
      expect(servers.map((server) => server !== undefined)).toEqual([
        topology === 'standalone',
        topology === 'cluster',
        topology === 'sentinel',
      ])
      expect(stage.primaries.length).toBe(
        { standalone: 1, cluster: 3, sentinel: 1, sharded: 3 }[topology],
      )
      expect(stage.version).toMatch(/^\d+\.\d+\.\d+/)
    })
  },
)
