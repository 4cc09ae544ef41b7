import { concurrency, slidingWindow, type Limit } from '@cache/ratelimit'
import { Controller, Get, Inject, Injectable, Param, Put } from '@nestjs/common'
import { APP_GUARD } from '@nestjs/core'
import { expect } from 'vitest'
import { itIsAllowed, onEachAclStage } from '../../service/test/acl-stage.js'
import {
  Cached,
  CacheHealthIndicator,
  CacheModule,
  Invalidates,
  Mutates,
  RateLimit,
  RateLimitGuard,
  WithLock,
} from '../src/index.js'
import { startApplication } from './nest/application.js'

@Injectable()
class Products {
  name = 'chair'

  @Cached({ prefix: 'tagged', key: (id: number) => id, tags: ['products'], ttl: '1h' })
  async find(id: number) {
    return { id, name: this.name }
  }

  @Cached({ prefix: 'plain', key: (id: number) => id, ttl: '1h' })
  async nameOf(_id: number) {
    return this.name
  }

  @WithLock({ name: (id: number) => [`product:${id}`, 'products'], wait: '5s' })
  @Mutates({ prefix: 'tagged', key: (id: number) => id, tags: ['products'] })
  @Invalidates({ prefix: 'plain', key: (id: number) => id })
  async rename(_id: number, name: string) {
    this.name = name
  }
}

// A process remembers ids that were denied, and each test has a server that knows none.
const limited = (prefix: string, limit: Limit) =>
  RateLimit({ limiter: { prefix, limits: [limit], denyCache: false, deadline: '5s' } })

@Controller()
class ProductsController {
  constructor(
    @Inject(Products) private readonly products: Products,
    @Inject(CacheHealthIndicator) private readonly cache: CacheHealthIndicator,
  ) {}

  @limited('find', slidingWindow({ limit: 3, window: '1m' }))
  @Get('products/:id')
  async find(@Param('id') id: string) {
    return [await this.products.find(Number(id)), await this.products.nameOf(Number(id))]
  }

  @limited('rename', concurrency({ limit: 2, ttl: '1m' }))
  @Put('products/:id/:name')
  rename(@Param('id') id: string, @Param('name') name: string) {
    return this.products.rename(Number(id), name)
  }

  @Get('health')
  check() {
    return this.cache.isHealthy()
  }
}

onEachAclStage((stage) =>
  itIsAllowed(stage, {
    nestjs: async (client) => {
      await using app = await startApplication('express', {
        imports: [CacheModule.forRoot({ client })],
        controllers: [ProductsController],
        providers: [
          Products,
          CacheHealthIndicator,
          { provide: APP_GUARD, useClass: RateLimitGuard },
        ],
      })
      const find = () => app.request('/products/1')
      const rename = (name: string) => app.request(`/products/1/${name}`, { method: 'PUT' })
      const both = (name: string) => [{ id: 1, name }, name]

      expect((await find()).body).toEqual(both('chair'))
      // The second request waits for the locks of the first one.
      const renamed = await Promise.all([rename('sofa'), rename('sofa')])
      expect(renamed.map(({ status }) => status)).toEqual([200, 200])
      expect((await find()).body).toEqual(both('sofa'))
      expect((await find()).headers.get('ratelimit')).toContain('r=0')
      expect((await find()).status).toBe(429)
      expect((await app.request('/health')).body).toMatchObject({ redis: { status: 'up' } })
    },
  }),
)
