import { CacheError, channels, type CacheClient } from '@cache/core'
import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Cached, Mutates, useCacheClient, WithLock } from '../src/decorators/index.js'
import { cacheClient, gate, libraries } from './clients.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())

describe.each(libraries)('@Cached, on %s', (library) => {
  let client: CacheClient
  let end: () => Promise<void>
  beforeAll(() => void ({ client, end } = cacheClient(library, server.url)))
  beforeEach(() => server.flush())
  afterAll(() => end())

  it('returns the cached result of a call with the same arguments', async () => {
    class Products {
      loads = 0
      @Cached({ prefix: 'product', ttl: '1h' })
      async find(id: number) {
        return { id, load: ++this.loads }
      }
    }
    const products = useCacheClient(new Products(), client)
    expect(await products.find(1)).toEqual({ id: 1, load: 1 })
    expect(await products.find(1)).toEqual({ id: 1, load: 1 })
    expect(await products.find(2)).toEqual({ id: 2, load: 2 })
    expect(await useCacheClient(new Products(), client).find(1)).toEqual({ id: 1, load: 1 })
  })

  it('never confuses the results of different arguments', async () => {
    class Echo {
      calls = 0
      @Cached({ prefix: 'echo', ttl: '1h' })
      async of(..._args: unknown[]) {
        return ++this.calls
      }
    }
    const echo = useCacheClient(new Echo(), client)
    const calls: unknown[][] = [
      [],
      [undefined],
      [null],
      ['null'],
      ['undefined'],
      [1],
      ['1'],
      [1n],
      [true],
      ['true'],
      ['a', 'b'],
      ['a,b'],
      ['a:b'],
      [['a', 'b']],
      [{ a: 1 }],
      [{ a: '1' }],
      ['[object Object]'],
      [{ a: { b: 1 } }],
      [new Date(0)],
      [0],
      [''],
      [[]],
      [{}],
      [new Map([['a', 1]])],
      [new Set(['a'])],
      ['x'.repeat(1_000)],
      ['x'.repeat(1_001)],
    ]
    const results = []
    for (const args of calls) results.push(await echo.of(...args))
    expect(new Set(results).size).toBe(calls.length)
    expect(await echo.of({ a: 1, b: 2 })).toBe(await echo.of({ b: 2, a: 1 }))
  })

  it('rejects arguments that have no text, and asks for a key', async () => {
    class Filter {
      readonly text = 'chair'
    }
    class Search {
      @Cached({ prefix: 'search', ttl: '1h' })
      async byFilter(filter: Filter) {
        return filter.text
      }

      @Cached({ prefix: 'search-by-key', key: (filter: Filter) => filter.text, ttl: '1h' })
      async byKey(filter: Filter) {
        return filter.text
      }
    }
    const search = useCacheClient(new Search(), client)
    await expect(search.byFilter(new Filter())).rejects.toThrow(
      /"key" must be a function .* an instance of a class/,
    )
    expect(await search.byKey(new Filter())).toBe('chair')
    expect(await server.cli('EXISTS', 'search-by-key:chair')).toBe('1')
  })

  it('calls the method and the options with the object as this', async () => {
    class Tenant {
      readonly #rows: string
      constructor(readonly id: string) {
        this.#rows = `rows of ${id}`
      }
      @Cached({
        prefix: 'tenant',
        ttl: '1h',
        key(this: Tenant, name: string) {
          return [this.id, name]
        },
      })
      async rows(name: string) {
        return `${name}: ${this.#rows}`
      }
    }
    const [a, b] = [new Tenant('a'), new Tenant('b')].map((one) => useCacheClient(one, client))
    expect(await a!.rows('x')).toBe('x: rows of a')
    expect(await b!.rows('x')).toBe('x: rows of b')
    expect(await a!.rows('x')).toBe('x: rows of a')
  })

  it('keeps a result for its ttl, whose unit is part of the option', async () => {
    class Prices {
      @Cached({ prefix: 'price', key: (id: number) => id, ttl: '1h' })
      async find(id: number) {
        return id
      }
    }
    await useCacheClient(new Prices(), client).find(1)
    const ttl = Number(await server.cli('PTTL', 'price:1'))
    expect(ttl).toBeGreaterThan(3_000_000)
    expect(ttl).toBeLessThanOrEqual(3_600_000)
  })

  it('returns null and undefined, and caches them only with negativeTtl', async () => {
    class Rows {
      loads = 0
      @Cached({ prefix: 'row', ttl: '1h' })
      async find(missing: null | undefined) {
        this.loads++
        return missing
      }
      @Cached({ prefix: 'row-or-not', ttl: '1h', negativeTtl: '1m' })
      async remember(missing: null | undefined) {
        this.loads++
        return missing
      }
    }
    const rows = useCacheClient(new Rows(), client)
    for (const missing of [null, undefined]) {
      expect(await rows.find(missing)).toBe(missing)
      expect(await rows.find(missing)).toBe(missing)
    }
    expect(rows.loads).toBe(4)
    for (const missing of [null, undefined]) {
      expect(await rows.remember(missing)).toBe(missing)
      expect((await rows.remember(missing)) ?? 'none').toBe('none')
    }
    expect(rows.loads).toBe(6)
  })

  it('passes the error of the method on, and does not cache it', async () => {
    const error = new TypeError('no such product')
    class Products {
      calls = 0
      @Cached({ prefix: 'fails', ttl: '1h' })
      async find(_id: number) {
        if (++this.calls < 3) throw error
        return this.calls
      }
    }
    const products = useCacheClient(new Products(), client)
    await expect(products.find(1)).rejects.toBe(error)
    await expect(products.find(1)).rejects.toBe(error)
    expect(await products.find(1)).toBe(3)
    expect(await products.find(1)).toBe(3)
  })

  it('returns what can not be stored, does not cache it, and reports it', async () => {
    class Entity {
      constructor(readonly id: number) {}
    }
    class Products {
      loads = 0
      @Cached({ prefix: 'entity', ttl: '1h' })
      async find(id: number) {
        this.loads++
        return new Entity(id)
      }
    }
    const products = useCacheClient(new Products(), client)
    const reports: unknown[] = []
    const report = (message: unknown): unknown => reports.push(message)
    channels.error.subscribe(report)
    for (let i = 0; i < 2; i++) expect(await products.find(1)).toBeInstanceOf(Entity)
    await expect.poll(() => reports.length).toBeGreaterThan(0)
    channels.error.unsubscribe(report)
    expect(reports[0]).toMatchObject({ operation: 'fill', key: 'entity:(1)' })
    expect(products.loads).toBe(2)
  })

  it('lets a method that calls another one of its prefix wait for itself for waitFor', async () => {
    class Products {
      @Cached({ prefix: 'shared', ttl: '1h', waitFor: '100ms' })
      async find(id: number) {
        return { id }
      }
      @Cached({ prefix: 'shared', ttl: '1h' })
      async findOrFail(id: number) {
        return this.find(id)
      }
    }
    const products = useCacheClient(new Products(), client)
    const started = performance.now()
    expect(await products.findOrFail(1)).toEqual({ id: 1 })
    expect(performance.now() - started).toBeGreaterThan(90)
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('runs the method once for concurrent calls, on all objects and clients', async () => {
    let loads = 0
    const { opened, open } = gate()
    class Slow {
      @Cached({ prefix: 'slow', ttl: '1h', waitFor: '20s' })
      async find(_id: number) {
        loads++
        await opened
        return loads
      }
    }
    await using other = {
      ...cacheClient(library, server.url),
      [Symbol.asyncDispose]: () => other.end(),
    }
    const calls = [client, other.client].flatMap((one) =>
      Array.from({ length: 20 }, () => useCacheClient(new Slow(), one).find(1)),
    )
    await expect.poll(() => loads).toBe(1)
    open()
    expect(await Promise.all(calls)).toEqual(calls.map(() => 1))
  })

  it('stores tags of the arguments and of the result', async () => {
    class Products {
      loads = 0
      @Cached({
        prefix: 'tagged',
        key: (id: number) => id,
        tags: (id: number) => [`product:${id}`],
        resultTags: (product: { brand: string }) => [`brand:${product.brand}`],
        ttl: '1h',
      })
      async find(id: number) {
        return { id, brand: 'acme', load: ++this.loads }
      }
    }
    const products = useCacheClient(new Products(), client)
    await expect.poll(async () => (await products.find(1)).load < products.loads + 1).toBe(true)
    await expect // The first result with a new tag may not be cached.
      .poll(async () => (await products.find(1)).load === (await products.find(1)).load)
      .toBe(true)
  })

  it('caches null with the tags of the arguments, also if the result tells more', async () => {
    class Products {
      row: { brand: string } | null = null
      loads = 0
      @Cached({
        prefix: 'tagged-absence',
        tags: ['products'],
        resultTags: (product: { brand: string }) => [`brand:${product.brand}`],
        ttl: '1h',
        negativeTtl: '1h',
      })
      async find(_id: number) {
        this.loads++
        return this.row
      }
      @Mutates({ tags: ['products'] })
      async create(row: { brand: string }) {
        this.row = row
      }
    }
    const products = useCacheClient(new Products(), client)
    expect(await products.find(1)).toBeNull()
    expect(await products.find(1)).toBeNull()
    expect(products.loads).toBe(1)
    await products.create({ brand: 'acme' })
    expect(await products.find(1)).toEqual({ brand: 'acme' })
  })

  it('refuses a method that two classes inherit, unless the prefix is a function', async () => {
    abstract class Repository {
      constructor(readonly table: string) {}
      @Cached({ prefix: 'row-of-any', ttl: '1h' })
      async unsafe(id: number) {
        return `${this.table} ${id}`
      }
      @Cached({ prefix: (self: Repository) => self.table, ttl: '1h' })
      async find(id: number) {
        return `${this.table} ${id}`
      }
    }
    class Users extends Repository {}
    class Orders extends Repository {
      override async find(id: number) {
        return `the ${await super.find(id)}`
      }
    }
    const users = useCacheClient(new Users('user'), client)
    const orders = useCacheClient(new Orders('order'), client)
    expect(await users.find(1)).toBe('user 1')
    expect(await orders.find(1)).toBe('the order 1')
    expect(await users.unsafe(1)).toBe('user 1')
    await expect(orders.unsafe(1)).rejects.toThrow(
      'Repository.unsafe was called on a Orders and on a Users, which would share their entries.',
    )
  })

  it('limits the number of prefixes of a method', async () => {
    class Tenants {
      @Cached({ prefix: (self: Tenants) => `tenant-${self.id}`, ttl: '1m' })
      async find() {
        return this.id
      }
      constructor(readonly id: number) {}
    }
    const read = (id: number) => useCacheClient(new Tenants(id), client).find()
    await Promise.all(Array.from({ length: 1_000 }, (_, id) => read(id)))
    await expect(read(1_000)).rejects.toThrow(/has returned 1000 prefixes/)
  })

  it('works together with other decorators, in any order', async () => {
    class Reports {
      runs = 0
      @Cached({ prefix: 'report', ttl: '1h' })
      @WithLock({ name: (id: number) => `report:${id}` })
      async locked(id: number) {
        return `${id}: ${++this.runs}`
      }
      @WithLock({ name: (id: number) => `report:${id}` })
      @Cached({ prefix: 'report-2', ttl: '1h' })
      async cached(id: number) {
        return `${id}: ${++this.runs}`
      }
    }
    const reports = useCacheClient(new Reports(), client)
    expect(await reports.locked(1)).toBe('1: 1')
    expect(await reports.locked(1)).toBe('1: 1')
    expect(await reports.cached(1)).toBe('1: 2')
    expect(await reports.cached(1)).toBe('1: 2')
  })

  it('keeps the name, the length and the properties of a method', () => {
    class Products {
      @Cached({ prefix: 'name', ttl: '1h' })
      async find(id: number, _locale: string) {
        return id
      }
    }
    const method = new Products().find
    expect(method.name).toBe('find')
    expect(method.length).toBe(2)
  })

  it('works on static methods, and takes the client from an option', async () => {
    let loads = 0
    const source = client
    class Settings {
      readonly client = source
      @Cached({ prefix: 'setting', ttl: '1h', client: () => source })
      static async all() {
        return ++loads
      }
      @Cached({ prefix: 'own-setting', ttl: '1h', client: (self: Settings) => self.client })
      async own() {
        return ++loads
      }
    }
    expect(await Settings.all()).toBe(1)
    expect(await Settings.all()).toBe(1)
    expect(await new Settings().own()).toBe(2)
    expect(await new Settings().own()).toBe(2)
  })

  it('says what to do if an object has no client', async () => {
    class Products {
      @Cached({ prefix: 'p', ttl: '1h', client: 'sessions' })
      async find(id: number) {
        return id
      }
    }
    await expect(new Products().find(1)).rejects.toThrow(
      'Products.find was called on an object that has no cache client "sessions". NestJS sets it',
    )
    await expect(new Products().find(1)).rejects.toBeInstanceOf(CacheError)
    expect(Object.keys(useCacheClient(new Products(), client, 'sessions'))).toEqual([])
  })
})
