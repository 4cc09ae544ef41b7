import type { HealthOptions } from '@cache/core'
import { Inject, Injectable } from '@nestjs/common'
import { ModuleRef } from '@nestjs/core'
import { findClient } from '../module/find-client.js'

/** Options of `CacheHealthIndicator.isHealthy`. */
export interface CacheHealthOptions extends HealthOptions {
  /** The name of the client. Default 'default'. */
  readonly client?: string
}

/** What an indicator of `@nestjs/terminus` returns. */
export type CacheHealthResult<Key extends string> = Record<
  Key,
  { readonly status: 'up' | 'down'; readonly [detail: string]: unknown }
>

/**
 * A health indicator for `@nestjs/terminus`. A client is up if every primary has answered. Caches
 * go on without Redis, so think twice before you let an outage of Redis restart your processes.
 *
 * @example
 * this.health.check([() => this.cache.isHealthy('redis', { timeout: '500ms' })])
 */
@Injectable()
export class CacheHealthIndicator {
  constructor(@Inject(ModuleRef) private readonly modules: ModuleRef) {}

  /**
   * Checks a client. Never rejects because of Redis, and takes no longer than `timeout`.
   *
   * @throws {UsageError} if the application has no such client.
   */
  async isHealthy<Key extends string = 'redis'>(
    key: Key = 'redis' as Key,
    { client: name, ...options }: CacheHealthOptions = {},
  ): Promise<CacheHealthResult<Key>> {
    const health = await findClient(this.modules, name).health(options)
    const unhealthy = health.parts.filter((part) => !part.healthy).map((part) => part.name)
    return {
      [key]: {
        status: health.reachable ? 'up' : 'down',
        breaker: health.breaker,
        since: health.since.toISOString(),
        ...(health.roundTripMs !== undefined && { roundTripMs: health.roundTripMs }),
        ...(health.error !== undefined && { message: health.error }),
        ...(unhealthy.length > 0 && { unhealthy }),
      },
    } as unknown as CacheHealthResult<Key>
  }
}
