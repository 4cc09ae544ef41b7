import { CacheUnavailableError, CacheWriteError, channels, type CacheClient } from '@cache/core'
import { startProxy, startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Cached, Invalidates, Mutates, useCacheClient } from '../src/decorators/index.js'
import { cacheClient, gate, impatient, libraries } from './clients.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())

/** The database. A test can hold its reads and its writes. */
class Rows {
  name = 'chair'
  loads = 0
  beforeReadEnds: () => Promise<void> | void = () => undefined
  duringWrite: () => Promise<void> | void = () => undefined
}

class Products {
  constructor(readonly rows: Rows) {}

  @Cached({
    prefix: 'product',
    key: (id: number) => id,
    tags: ['products'],
    ttl: '1h',
    waitFor: '20s',
  })
  async find(id: number) {
    const { name } = this.rows
    this.rows.loads++
    await this.rows.beforeReadEnds()
    return `${id} ${name}`
  }

  @Cached({ prefix: 'plain', ttl: '1h', waitFor: '20s' })
  async plain(id: number) {
    const { name } = this.rows
    this.rows.loads++
    await this.rows.beforeReadEnds()
    return `${id} ${name}`
  }

  @Mutates({ prefix: 'product', key: (id: number) => id })
  async rename(id: number, name: string) {
    this.rows.name = name
    await this.rows.duringWrite()
    return `renamed ${id}`
  }

  @Mutates({ tags: ['products'] })
  async renameAll(name: string) {
    this.rows.name = name
    await this.rows.duringWrite()
  }

  @Mutates({ prefix: 'product', key: (id: number) => id, tags: ['products'] })
  @Mutates({ prefix: 'plain', args: (id: number) => [id] })
  async renameEverywhere(_id: number, name: string) {
    this.rows.name = name
    await this.rows.duringWrite()
    return this.rows.name
  }

  @Invalidates({ prefix: 'product', keys: (...ids: number[]) => ids })
  async reload(..._ids: number[]) {
    await this.rows.duringWrite()
    return 'reloaded'
  }

  @Invalidates({ prefix: 'plain', tags: ['products'] })
  async reloadPlain(_id: number) {
    await this.rows.duringWrite()
  }
}

describe.each(libraries)('changes, on %s', (library) => {
  let client: CacheClient
  let other: CacheClient
  const ends: (() => unknown)[] = []
  beforeAll(() => {
    const [a, b] = [cacheClient(library, server.url), cacheClient(library, server.url)]
    client = a.client
    other = b.client
    ends.push(a.end, b.end)
  })
  beforeEach(() => server.flush())
  afterAll(async () => {
    for (const end of ends) await end()
  })

  const products = (rows: Rows, of = client): Products => useCacheClient(new Products(rows), of)

  describe.each([
    ['a key', 'find', (writer: Products) => writer.rename(1, 'armchair')],
    ['a tag', 'find', (writer: Products) => writer.renameAll('armchair')],
    ['stacked decorators', 'find', (writer: Products) => writer.renameEverywhere(1, 'armchair')],
    ['arguments', 'plain', (writer: Products) => writer.renameEverywhere(1, 'armchair')],
  ] as const)('@Mutates with %s', (_, read, write) => {
    it('leaves no old value, in any process', async () => {
      const rows = new Rows()
      const [here, there] = [products(rows), products(rows, other)]
      expect(await here[read](1)).toBe('1 chair')
      expect(await there[read](1)).toBe('1 chair')
      await write(here)
      expect(await there[read](1)).toBe('1 armchair')
      expect(await here[read](1)).toBe('1 armchair')
    })

    it.each(['another', 'the same'])(
      'refuses the value of a load that began before it in %s process',
      async (where) => {
        const rows = new Rows()
        const loader = products(rows, where === 'the same' ? client : other)
        const { opened, open } = gate()
        const began = gate()
        rows.beforeReadEnds = () => (began.open(), opened)
        const late = loader[read](1)
        await began.opened
        await write(products(rows))
        rows.beforeReadEnds = () => undefined
        const after = [products(rows)[read](1), loader[read](1), products(rows, other)[read](1)]
        open()
        await late
        expect(await Promise.all(after)).toEqual(after.map(() => '1 armchair'))
        expect(await products(rows, other)[read](1)).toBe('1 armchair')
      },
    )

    it('keeps nothing that is loaded while the method runs', async () => {
      const rows = new Rows()
      const { opened, open } = gate()
      const began = gate()
      rows.duringWrite = () => (began.open(), opened)
      const written = write(products(rows))
      await began.opened
      rows.name = 'not committed'
      await products(rows, other)[read](1)
      rows.name = 'armchair'
      open()
      await written
      expect(await products(rows, other)[read](1)).toBe('1 armchair')
    })
  })

  it('may return the old value to the method that changes it', async () => {
    const rows = new Rows()
    const writer = products(rows)
    expect(await writer.find(1)).toBe('1 chair')
    let inside: string | undefined
    rows.duringWrite = async () => void (inside = await writer.find(1))
    await writer.rename(1, 'armchair')
    expect(inside).toBe('1 chair')
    expect(await writer.find(1)).toBe('1 armchair')
  })

  it('passes the result and the error of the method on', async () => {
    const rows = new Rows()
    expect(await products(rows).rename(1, 'a')).toBe('renamed 1')
    expect(await products(rows).reload(1)).toBe('reloaded')
    const error = new Error('unique constraint')
    rows.duringWrite = () => {
      throw error
    }
    await expect(products(rows).rename(1, 'b')).rejects.toBe(error)
    await expect(products(rows).reload(1)).rejects.toBe(error)
  })

  it('drops entries also if the method throws, which may have written', async () => {
    const rows = new Rows()
    for (const write of [
      (writer: Products) => writer.rename(1, 'armchair'),
      (writer: Products) => ((rows.name = 'armchair'), writer.reload(1, 2)),
    ]) {
      rows.name = 'chair'
      rows.duringWrite = () => undefined
      await products(rows).reload(1)
      expect(await products(rows).find(1)).toBe('1 chair')
      rows.duringWrite = () => {
        throw new Error('the connection broke after the commit')
      }
      await expect(write(products(rows))).rejects.toThrow('after the commit')
      expect(await products(rows).find(1)).toBe('1 armchair')
    }
  })

  it('drops the entries of @Invalidates: several keys, arguments, tags', async () => {
    const rows = new Rows()
    const reader = products(rows)
    await Promise.all([reader.find(1), reader.find(2), reader.plain(1), reader.plain(2)])
    rows.name = 'armchair'
    await reader.reload(1, 2)
    expect(await reader.find(1)).toBe('1 armchair')
    expect(await reader.find(2)).toBe('2 armchair')
    expect(await reader.plain(1)).toBe('1 chair')
    rows.name = 'sofa'
    await reader.reloadPlain(1)
    expect(await reader.plain(1)).toBe('1 sofa')
    expect(await reader.plain(2)).toBe('2 chair')
    expect(await reader.find(1)).toBe('1 sofa')
  })

  describe('while Redis does not answer', () => {
    const closing: (() => unknown)[] = []
    afterEach(async () => {
      for (const close of closing.splice(0).reverse()) await close()
    })

    async function behindProxy() {
      const proxy = await startProxy(server)
      const { client: own, end } = cacheClient(library, proxy.url, impatient)
      closing.push(() => proxy.close(), end)
      await own.health()
      return { proxy, own }
    }

    it('does not run the method of @Mutates', async () => {
      const { proxy, own } = await behindProxy()
      const rows = new Rows()
      await proxy.cut()
      for (const write of [
        () => products(rows, own).rename(1, 'armchair'),
        () => products(rows, own).renameAll('armchair'),
      ])
        await expect(write()).rejects.toBeInstanceOf(CacheUnavailableError)
      expect(rows.name).toBe('chair')
    })

    it('says that the method of @Mutates has run, and with which result', async () => {
      const { proxy, own } = await behindProxy()
      const rows = new Rows()
      rows.duringWrite = () => proxy.cut()
      const error: unknown = await products(rows, own)
        .renameEverywhere(1, 'armchair')
        .catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(CacheWriteError)
      expect(error).toMatchObject({ stored: true, result: 'armchair' })
      expect(rows.name).toBe('armchair')
    })

    it('reads from the method', async () => {
      const { proxy, own } = await behindProxy()
      const rows = new Rows()
      await products(rows, own).find(1)
      proxy.swallow('both')
      rows.name = 'armchair'
      expect(await products(rows, own).find(1)).toBe('1 armchair')
      expect(await products(rows, own).plain(1)).toBe('1 armchair')
      await proxy.pass()
    })

    it('rejects from @Invalidates, and reports it after an error of the method', async () => {
      const { proxy, own } = await behindProxy()
      const rows = new Rows()
      await proxy.cut()
      await expect(products(rows, own).reload(1)).rejects.toThrow()
      rows.duringWrite = () => {
        throw new Error('of the method')
      }
      const reported: string[] = []
      const listen = (message: unknown): void =>
        void reported.push((message as { operation: string }).operation)
      channels.error.subscribe(listen)
      closing.push(() => channels.error.unsubscribe(listen))
      await expect(products(rows, own).reload(1)).rejects.toThrow('of the method')
      expect(reported).toContain('invalidate')
    })
  })
})
