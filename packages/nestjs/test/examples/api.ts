import { Controller, Get, Inject, Module, Post } from '@nestjs/common'
import { APP_GUARD, NestFactory } from '@nestjs/core'
import { HealthCheckService, TerminusModule } from '@nestjs/terminus'
import { CacheHealthIndicator, CacheModule, RateLimit, rateLimitGuard } from '@cache/nestjs'
import { slidingWindow } from '@cache/ratelimit'
import { createClient } from 'redis'

/** What all routes are limited by: 100 requests of an address in a minute. */
const ApiGuard = rateLimitGuard({
  limiter: { prefix: 'api', limits: [slidingWindow({ limit: 100, window: '1m' })] },
})

@Controller()
class ApiController {
  constructor(
    @Inject(HealthCheckService) private readonly health: HealthCheckService,
    @Inject(CacheHealthIndicator) private readonly cache: CacheHealthIndicator,
  ) {}

  @RateLimit({
    limiter: { prefix: 'login', limits: [slidingWindow({ limit: 2, window: '1m' })] },
  })
  @Post('login')
  login() {
    return { welcome: true }
  }

  @RateLimit(false)
  @Get('health')
  check() {
    return this.health.check([() => this.cache.isHealthy('redis', { timeout: '500ms' })])
  }
}

@Module({
  imports: [
    CacheModule.forRootAsync({
      useFactory: () => ({
        connect: () => createClient({ url: process.env.REDIS_URL ?? 'redis://localhost:6379' }),
      }),
    }),
    TerminusModule,
  ],
  controllers: [ApiController],
  providers: [{ provide: APP_GUARD, useClass: ApiGuard }],
})
class AppModule {}

const app = await NestFactory.create(AppModule, { logger: false })
await app.listen(0)

const url = await app.getUrl()
for (let i = 0; i < 3; i++) {
  const response = await fetch(`${url}/login`, { method: 'POST' })
  console.log(response.status, response.headers.has('retry-after')) // 201 false, twice; 429 true
}
const health = await fetch(`${url}/health`)
console.log(health.status) // 200

await app.close()
