import { createReadThrough, type ReadThrough } from '@cache/aside'
import { startRedis, type RedisServer } from '@cache/testkit'
import {
  Controller,
  Get,
  HttpException,
  Inject,
  Injectable,
  NotFoundException,
  Param,
  ParseIntPipe,
  Put,
  Query,
  Scope,
  UseFilters,
  Catch,
  type ArgumentsHost,
  type ExceptionFilter,
} from '@nestjs/common'
import { HttpAdapterHost, REQUEST } from '@nestjs/core'
import manifest from '@nestjs/core/package.json' with { type: 'json' }
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Cached, CacheModule, cacheProvider, Mutates, WithLock } from '../../src/index.js'
import { impatient, libraries, patient, redisClient } from '../clients.js'
import { platforms, startApplication, type RunningApplication } from './application.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())

it('runs in the intended version of NestJS', () => {
  expect(manifest.version.split('.')[0]).toBe(process.env.NEST)
})

@Injectable()
class Rows {
  names = new Map([[1, 'chair']])
  loads = 0
  slow = 0
}

@Injectable()
class Products {
  constructor(@Inject(Rows) readonly rows: Rows) {}

  @Cached({
    prefix: 'product',
    key: (id: number) => id,
    tags: ['products'],
    ttl: '1h',
    waitFor: '20s',
  })
  async find(id: number) {
    const name = this.rows.names.get(id)
    this.rows.loads++
    await new Promise((resolve) => setTimeout(resolve, this.rows.slow))
    if (name === undefined) throw new NotFoundException(`There is no product ${id}.`)
    return { id, name }
  }

  @Mutates({ prefix: 'product', key: (id: number) => id, tags: ['products'] })
  @WithLock({ name: (id: number) => `product:${id}` })
  async rename(id: number, name: string) {
    this.rows.names.set(id, name)
    return { id, name }
  }
}

/** Depends on the request, so NestJS creates one for each. */
@Injectable({ scope: Scope.REQUEST })
class Greeting {
  constructor(@Inject(REQUEST) readonly request: { headers: Record<string, string> }) {}

  @Cached({
    prefix: 'greeting',
    ttl: '1h',
    key(this: Greeting, name: string) {
      return [this.request.headers['x-language'] ?? 'en', name]
    },
  })
  async of(name: string) {
    return { text: `${this.request.headers['x-language'] ?? 'en'}: ${name}`, at: ++greetings }
  }
}
let greetings = 0

const FRUIT = Symbol('fruit')

@Controller()
class ShopController {
  constructor(
    @Inject(Products) readonly products: Products,
    @Inject(Greeting) readonly greeting: Greeting,
    @Inject(FRUIT) readonly fruit: ReadThrough<string>,
  ) {}

  @Get('products/:id')
  find(@Param('id', ParseIntPipe) id: number) {
    return this.products.find(id)
  }

  @Put('products/:id')
  rename(@Param('id', ParseIntPipe) id: number, @Query('name') name: string) {
    return this.products.rename(id, name)
  }

  @Get('greeting')
  greet(@Query('name') name: string) {
    return this.greeting.of(name)
  }

  @Get('fruit/:id')
  async fruitOf(@Param('id') id: string) {
    return { fruit: await this.fruit.get(id) }
  }
}

@Catch()
class TeapotFilter implements ExceptionFilter {
  constructor(@Inject(HttpAdapterHost) readonly host: HttpAdapterHost) {}
  catch(_error: unknown, host: ArgumentsHost) {
    this.host.httpAdapter.reply(host.switchToHttp().getResponse(), { teapot: true }, 418)
  }
}

let counted = 0
@Controller('handlers')
class HandlersController {
  @Cached({ prefix: 'above', key: (id: string) => id, ttl: '1h' })
  @Get('above/:id')
  @UseFilters(TeapotFilter)
  async above(@Param('id') id: string) {
    if (id === 'bad') throw new HttpException('bad', 400)
    return { id, count: ++counted }
  }

  @Get('below/:id')
  @UseFilters(TeapotFilter)
  @Cached({ prefix: 'below', key: (id: string) => id, ttl: '1h' })
  async below(@Param('id') id: string) {
    if (id === 'bad') throw new HttpException('bad', 400)
    return { id, count: ++counted }
  }
}

describe.each(platforms)('on %s', (platform) => {
  describe.each(libraries)('and %s', (library) => {
    const start = (url = server.url, resilience: object = patient): Promise<RunningApplication> =>
      startApplication(platform, {
        imports: [CacheModule.forRoot({ connect: () => redisClient(library, url), ...resilience })],
        controllers: [ShopController, HandlersController],
        providers: [
          Rows,
          Products,
          Greeting,
          cacheProvider({
            provide: FRUIT,
            inject: [Rows],
            useFactory: (client, rows: Rows) =>
              createReadThrough({
                client,
                prefix: 'fruit',
                ttl: '1h',
                load: (id: string) => `${id} ${++rows.loads}`,
              }),
          }),
        ],
      })

    describe('with Redis', () => {
      let first: RunningApplication
      let second: RunningApplication
      beforeAll(async () => {
        first = await start()
        second = await start()
      })
      beforeEach(async () => {
        await server.flush()
        for (const { app } of [first, second])
          Object.assign(app.get(Rows), { names: new Map([[1, 'chair']]), loads: 0, slow: 0 })
      })
      afterAll(async () => {
        await first.close()
        await second.close()
      })
      const loads = (): number => first.app.get(Rows).loads + second.app.get(Rows).loads

      it('loads once for concurrent requests to two applications', async () => {
        for (const { app } of [first, second]) app.get(Rows).slow = 200
        const responses = await Promise.all(
          Array.from({ length: 40 }, (_, i) => (i % 2 ? first : second).request('/products/1')),
        )
        expect(responses.map(({ body }) => body)).toEqual(
          responses.map(() => ({ id: 1, name: 'chair' })),
        )
        expect(loads()).toBe(1)
      })

      it('returns the new value after an acknowledged write, in both applications', async () => {
        await first.request('/products/1')
        await second.request('/products/1')
        for (const { app } of [first, second]) app.get(Rows).names.set(1, 'armchair')
        const written = await first.request('/products/1?name=armchair', { method: 'PUT' })
        expect(written).toMatchObject({ status: 200, body: { id: 1, name: 'armchair' } })
        for (const one of [second, first])
          expect((await one.request('/products/1')).body).toEqual({ id: 1, name: 'armchair' })
      })

      it('passes HTTP exceptions on, and does not cache them', async () => {
        expect((await first.request('/products/2')).status).toBe(404)
        first.app.get(Rows).names.set(2, 'table')
        expect(await first.request('/products/2')).toMatchObject({
          status: 200,
          body: { id: 2, name: 'table' },
        })
      })

      it('works on request-scoped providers, whose keys can use the request', async () => {
        const greet = async (language: string) =>
          (await first.request('/greeting?name=Ada', { headers: { 'x-language': language } })).body
        const english = await greet('en')
        expect(english.text).toBe('en: Ada')
        expect(await greet('de')).toMatchObject({ text: 'de: Ada' })
        expect(await greet('en')).toEqual(english)
      })

      it.each(['above', 'below'])(
        'keeps routes, parameters and filters with @Cached %s',
        async (where) => {
          const { status, body } = await first.request(`/handlers/${where}/a`)
          expect(status).toBe(200)
          expect((await second.request(`/handlers/${where}/a`)).body).toEqual(body)
          expect(await first.request(`/handlers/${where}/bad`)).toMatchObject({
            status: 418,
            body: { teapot: true },
          })
        },
      )

      it('injects a cache of a pattern', async () => {
        expect((await first.request('/fruit/apple')).body).toEqual({ fruit: 'apple 1' })
        expect((await second.request('/fruit/apple')).body).toEqual({ fruit: 'apple 1' })
      })

      it('opens no connections for requests', async () => {
        const connections = async (): Promise<number> =>
          (await server.cli('CLIENT', 'LIST')).split('\n').filter((line) => line !== '').length
        await first.request('/products/1')
        const before = await connections()
        await Promise.all(
          Array.from({ length: 30 }, (_, i) => first.request(`/greeting?name=${i}`)),
        )
        expect(await connections()).toBeLessThanOrEqual(before)
      })
    })

    describe('without Redis', () => {
      it('answers reads and refuses writes while Redis is silent, and recovers', async () => {
        await using own = await startRedis()
        await using running = await start(own.url, impatient)
        expect((await running.request('/products/1')).status).toBe(200)
        await own.pause()
        running.app.get(Rows).names.set(1, 'armchair')
        expect(await running.request('/products/1')).toMatchObject({
          status: 200,
          body: { name: 'armchair' },
        })
        const write = await running.request('/products/1?name=sofa', { method: 'PUT' })
        expect(write.status).toBe(500)
        expect(running.app.get(Rows).names.get(1)).toBe('armchair')
        await own.resume()
        await expect
          .poll(
            async () => (await running.request('/products/1?name=sofa', { method: 'PUT' })).status,
          )
          .toBe(200)
        expect((await running.request('/products/1')).body).toEqual({ id: 1, name: 'sofa' })
      })

      it('starts, answers and ends while Redis is down, and uses it once it is up', async () => {
        await using own = await startRedis()
        await own.kill()
        await using running = await start(own.url, impatient)
        expect((await running.request('/products/1')).body).toEqual({ id: 1, name: 'chair' })
        await own.restart()
        const rows = running.app.get(Rows)
        await expect
          .poll(async () => {
            const before = rows.loads
            await running.request('/products/1')
            return rows.loads - before
          })
          .toBe(0)
        await own.kill()
        await running.close()
      })
    })
  })
})
