import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { matrix, type MatrixOptions, type Stage } from '../src/index.js'

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
        { standalone: 1, cluster: 3, sentinel: 1, sharded: 3, memory: 0 }[topology],
      )
      expect(stage.version).toMatch(/^\d+\.\d+\.\d+/)
    })
  },
)

describe('the clients on a Cluster', () => {
  const onCluster = (options?: MatrixOptions) =>
    matrix(drivers, options).filter(({ topology }) => topology === 'cluster')

  it('are both used on request, and in suites on Sentinel or with more versions', () => {
    for (const option of ['every', 'sentinel', 'majors'])
      expect(onCluster({ [option]: true }).map(({ client }) => client)).toEqual(
        expect.arrayContaining(['ioredis', 'node-redis']),
      )
  })

  it('are otherwise both used in long runs only', () => {
    expect(onCluster()).toHaveLength(process.env.CHAOS ? 2 : 1)
    expect(onCluster({ every: false })).toHaveLength(1)
  })

  it('are used by packages in turn', () => {
    const folder = vi.spyOn(process, 'cwd')
    const clients = ['aside', 'lock', 'hierarchical', 'keyv', 'ratelimit', 'service'].map(
      (name) => {
        folder.mockReturnValue(`/packages/${name}`)
        return onCluster({ every: false })[0]!.client
      },
    )
    folder.mockRestore()
    expect(new Set(clients)).toEqual(new Set(['ioredis', 'node-redis']))
  })
})

describe('the case in memory', () => {
  const memory = () => ({ driver: () => ({}), flush: () => undefined })
  const factories = { ioredis: () => ({}), 'node-redis': () => ({}) }
  const names = (...how: Parameters<typeof matrix<object>>) =>
    matrix(...how).map(({ name }) => name)

  it('is there if there is a factory for it, and it can be left out', () => {
    expect(names({ ...factories, memory })).toContain('memory')
    expect(names(factories)).not.toContain('memory')
    expect(names({ ...factories, memory }, { memory: false })).not.toContain('memory')
  })

  it('has data of its own in each stage, and no servers', async () => {
    const created: object[] = []
    const [one] = matrix<object>({
      ...factories,
      memory: () => {
        const data = { flushed: 0 }
        created.push(data)
        return { driver: () => data, flush: () => data.flushed++ }
      },
    }).filter(({ topology }) => topology === 'memory')
    const [a, b] = [await one!.start(), await one!.start()]
    expect([a.driver(), b.driver()]).toEqual(created)
    await a.flush()
    expect(created).toEqual([{ flushed: 1 }, { flushed: 0 }])
    expect(() => a.primaries).toThrow('There are no servers in memory')
    await expect(a.raw()).rejects.toThrow('There are no servers in memory')
  })
})
