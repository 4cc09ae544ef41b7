import { Controller, Get, Inject, Injectable, Module, Param, Put, Query } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Cached, CacheModule, Mutates, WithLock } from '@cache/nestjs'
import { Redis } from 'ioredis'

@Injectable()
class Products {
  readonly table = new Map([[42, 'chair']])

  @Cached({ prefix: 'product', key: (id: number) => id, tags: ['products'], ttl: '1h' })
  async find(id: number) {
    console.log(`loads ${id}`)
    return { id, name: this.table.get(id) }
  }

  @WithLock({ name: (id: number) => `product:${id}` })
  @Mutates({ prefix: 'product', key: (id: number) => id, tags: ['products'] })
  async rename(id: number, name: string) {
    this.table.set(id, name)
    return { id, name }
  }
}

@Controller('products')
class ProductsController {
  constructor(@Inject(Products) private readonly products: Products) {}

  @Get(':id')
  find(@Param('id') id: string) {
    return this.products.find(Number(id))
  }

  @Put(':id')
  rename(@Param('id') id: string, @Query('name') name: string) {
    return this.products.rename(Number(id), name)
  }
}

const url = process.env.REDIS_URL ?? 'redis://localhost:6379'

@Module({
  imports: [CacheModule.forRoot({ connect: () => new Redis(url), namespace: 'shop' })],
  controllers: [ProductsController],
  providers: [Products],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false })
app.enableShutdownHooks() // releases locks and closes connections on SIGTERM
await app.listen(0)

const shop = `${await app.getUrl()}/products/42`
const get = async () => (await fetch(shop)).json()
console.log(await Promise.all([get(), get()])) // loads 42, for both
console.log(await get()) // { id: 42, name: 'chair' }, from Redis
await fetch(`${shop}?name=armchair`, { method: 'PUT' })
console.log(await get()) // loads 42: { id: 42, name: 'armchair' }, in every process

await app.close()
