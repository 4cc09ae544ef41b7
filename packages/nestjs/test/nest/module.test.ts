import { createCacheClient, type CacheClient } from '@cache/core'
import { MemoryServer, memoryDriver } from '@cache/memory'
import { Inject, Injectable, Module, Scope, type ModuleMetadata } from '@nestjs/common'
import { ContextIdFactory, LazyModuleLoader, NestFactory } from '@nestjs/core'
import { describe, expect, it } from 'vitest'
import {
  Cached,
  CacheModule,
  getCacheClientToken,
  InjectCacheClient,
  useCacheClient,
  type CacheConnectionOptions,
  type CacheOptionsFactory,
} from '../../src/index.js'
import { redisClient } from '../clients.js'

/** Creates an application without a server. */
async function create(metadata: ModuleMetadata) {
  class ApplicationModule {}
  Module(metadata)(ApplicationModule)
  const app = await NestFactory.createApplicationContext(ApplicationModule, {
    logger: false,
    abortOnError: false,
  })
  return Object.assign(app, { [Symbol.asyncDispose]: () => app.close() })
}

@Injectable()
class Products {
  loads = 0
  constructor(@InjectCacheClient() readonly client: CacheClient) {}
  @Cached({ prefix: 'product', ttl: '1h' })
  async find(_id: number) {
    return ++this.loads
  }
}

@Injectable()
class Sessions {
  loads = 0
  @Cached({ prefix: 'session', ttl: '1h', client: 'sessions' })
  async find(_id: number) {
    return ++this.loads
  }
}

describe('CacheModule', () => {
  it('provides several clients by name, to all modules', async () => {
    const [shop, sessions] = [new MemoryServer(), new MemoryServer()]
    await using app = await create({
      imports: [
        CacheModule.forRoot({ driver: memoryDriver({ server: shop }), namespace: 'shop' }),
        CacheModule.forRoot({ name: 'sessions', driver: memoryDriver({ server: sessions }) }),
      ],
      providers: [Products, Sessions],
    })
    expect(app.get<CacheClient>(getCacheClientToken()).namespace).toBe('shop')
    expect(app.get(Products).client).toBe(app.get(getCacheClientToken('default')))
    await app.get(Products).find(1)
    await app.get(Sessions).find(1)
    const has = async (client: CacheClient, key: string) =>
      client.send({ args: ['EXISTS', key], keys: [key] })
    expect(await has(app.get(getCacheClientToken()), 'shop:product:(1)')).toBe(1)
    expect(await has(app.get(getCacheClientToken('sessions')), 'session:(1)')).toBe(1)
    expect(await has(app.get(getCacheClientToken()), 'session:(1)')).toBe(0)
  })

  it.each(['useFactory', 'useClass', 'useExisting'] as const)(
    'takes options from other providers with %s',
    async (way) => {
      @Injectable()
      class Configuration implements CacheOptionsFactory {
        readonly namespace = 'configured'
        async createCacheOptions(): Promise<CacheConnectionOptions> {
          return { driver: memoryDriver(), namespace: this.namespace }
        }
      }
      @Module({ providers: [Configuration], exports: [Configuration] })
      class ConfigurationModule {}
      const options = {
        useFactory: {
          inject: [Configuration],
          useFactory: async (configuration: Configuration) => ({
            driver: memoryDriver(),
            namespace: configuration.namespace,
          }),
        },
        useClass: { useClass: Configuration },
        useExisting: { useExisting: Configuration },
      }[way]
      await using app = await create({
        imports: [
          CacheModule.forRootAsync({
            name: 'sessions',
            imports: [ConfigurationModule],
            ...options,
          }),
        ],
        providers: [Sessions],
      })
      expect(app.get<CacheClient>(getCacheClientToken('sessions')).namespace).toBe('configured')
      expect(await app.get(Sessions).find(1)).toBe(1)
      expect(await app.get(Sessions).find(1)).toBe(1)
    },
  )

  it('refuses a decorated class in a module that does not see its client', async () => {
    @Module({ providers: [Sessions] })
    class OtherModule {}
    const local = CacheModule.forRoot({ name: 'sessions', isGlobal: false, driver: memoryDriver() })
    await expect(create({ imports: [local, OtherModule] })).rejects.toThrow(
      /can't resolve dependencies of the Sessions.*CacheClient\(sessions\)/s,
    )
    await using app = await create({ imports: [local], providers: [Sessions] })
    expect(await app.get(Sessions).find(1)).toBe(1)
  })

  it.each<[string, object, RegExp]>([
    ['nothing', {}, /"connect" must be passed, or else "redis", "driver" or "client"/],
    ['two clients', { driver: memoryDriver(), redis: {} }, /"driver" must be left out/],
    ['no Redis client', { redis: {} }, /"redis" must be a client of ioredis or node-redis/],
    ['no function', { connect: 'redis://' }, /"connect" must be a function/],
    ['not a Redis client', { connect: () => 1 }, /"connect" must be a function that returns a cl/],
    ['a misspelt option', { driver: memoryDriver(), namspace: 'a' }, /"namspace"/],
    [
      'options of a client that exists',
      { client: createCacheClient(memoryDriver()), namespace: 'a' },
      /"namespace" must be passed to createCacheClient/,
    ],
  ])('names a wrong option: %s', async (_, options, message) => {
    await expect(create({ imports: [CacheModule.forRoot(options)] })).rejects.toThrow(message)
  })

  it('names wrong options of forRootAsync', async () => {
    expect(() => CacheModule.forRootAsync({})).toThrow(/"useFactory" must be passed/)
    expect(() => CacheModule.forRoot({ name: '', driver: memoryDriver() })).toThrow(/"name"/)
    const named = CacheModule.forRootAsync({
      useFactory: () => ({ name: 'sessions', driver: memoryDriver() }) as CacheConnectionOptions,
    })
    await expect(create({ imports: [named] })).rejects.toThrow(
      /"name" must be passed to forRootAsync/,
    )
  })

  it('gives each application in a process its own client', async () => {
    const imports = () => [CacheModule.forRoot({ driver: memoryDriver() })]
    await using first = await create({ imports: imports(), providers: [Products] })
    await using second = await create({ imports: imports(), providers: [Products] })
    await first.get(Products).find(1)
    expect(second.get(Products).loads).toBe(0)
    await second.get(Products).find(1)
    expect(second.get(Products).loads).toBe(1)
    await second.close()
    expect(await first.get(Products).find(1)).toBe(1)
  })

  it('injects the client into classes that inherit a decorated method', async () => {
    @Injectable()
    class Special extends Sessions {
      constructor(@Inject('name') readonly name: string) {
        super()
      }
      @Cached({ prefix: 'special', ttl: '1h' })
      async special() {
        return this.name
      }
    }
    await using app = await create({
      imports: [
        CacheModule.forRoot({ driver: memoryDriver() }),
        CacheModule.forRoot({ name: 'sessions', driver: memoryDriver() }),
      ],
      providers: [Special, { provide: 'name', useValue: 'ada' }],
    })
    expect(await app.get(Special).find(1)).toBe(1)
    expect(await app.get(Special).special()).toBe('ada')
    expect(Object.keys(app.get(Special))).toEqual(['loads', 'name'])
  })

  it('refuses options of a request, which would open a connection for each request', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Tenant {}
    @Module({ providers: [Tenant], exports: [Tenant] })
    class TenantModule {}
    let opened = 0
    await using app = await create({
      imports: [
        CacheModule.forRootAsync({
          imports: [TenantModule],
          inject: [Tenant],
          useFactory: () => ({ connect: () => (opened++, redisClient('ioredis', 'redis://x')) }),
        }),
      ],
      providers: [Products],
    })
    await expect(app.resolve(Products)).rejects.toThrow(
      'The options of the cache client "default" depend on a request-scoped provider',
    )
    expect(opened).toBe(0)
  })

  it('injects the client into transient, request-scoped and lazily loaded objects', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class Transient extends Products {}
    @Injectable({ scope: Scope.REQUEST, durable: true })
    class Durable extends Sessions {}
    @Injectable()
    class Lazy {
      @Cached({ prefix: 'lazy', ttl: '1h' })
      async find(id: number) {
        return id
      }
    }
    @Module({ providers: [Lazy] })
    class LazyModule {}
    await using app = await create({
      imports: [
        CacheModule.forRoot({ driver: memoryDriver() }),
        CacheModule.forRoot({ name: 'sessions', driver: memoryDriver() }),
      ],
      providers: [Transient, Durable],
    })
    expect(await (await app.resolve(Transient)).find(1)).toBe(1)
    expect(await (await app.resolve(Transient)).find(1)).toBe(1)
    expect(await (await app.resolve(Durable, ContextIdFactory.create())).find(1)).toBe(1)
    const lazy = await app.get(LazyModuleLoader).load(() => LazyModule)
    expect(await lazy.get(Lazy).find(1)).toBe(1)
  })

  it('opens no connection if a test replaces the client, as overrideProvider does', async () => {
    let opened = 0
    const cache = CacheModule.forRoot({
      connect: () => (opened++, redisClient('ioredis', 'redis://localhost:1')),
    })
    const client = createCacheClient(memoryDriver())
    cache.providers!.push({ provide: getCacheClientToken(), useValue: client })
    await using app = await create({ imports: [cache], providers: [Products] })
    expect(app.get(Products).client).toBe(client)
    expect(await app.get(Products).find(1)).toBe(1)
    await app.close()
    expect(opened).toBe(0)
    expect((await client.health()).reachable).toBe(true)
    await client.close()
  })

  it('lets a test replace the client, or create the object itself', async () => {
    const client = createCacheClient(memoryDriver())
    await using app = await create({
      providers: [Products, { provide: getCacheClientToken(), useValue: client }],
    })
    expect(await app.get(Products).find(1)).toBe(1)
    const alone = useCacheClient(new Products(client), client)
    expect(await alone.find(1)).toBe(1)
    expect(alone.loads).toBe(0)
    await client.close()
  })
})
