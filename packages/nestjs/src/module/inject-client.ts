import type { CacheClient } from '@cache/core'
import { Inject } from '@nestjs/common'
import { propertyOf, useCacheClient } from '../decorators/client.js'
import { getCacheClientToken } from './tokens.js'

/**
 * Lets NestJS inject a client into a property of the objects of a class: into each of them, so that
 * request-scoped providers, and several applications in one process, have their own.
 */
export function injectClient(prototype: object, name: string): void {
  const property = propertyOf(name)
  if (Object.hasOwn(prototype, property)) return
  // NestJS assigns the property. The setter hides it from what lists the object's properties.
  Object.defineProperty(prototype, property, {
    configurable: true,
    get: () => undefined,
    set(this: object, client: CacheClient) {
      useCacheClient(this, client, name)
    },
  })
  Inject(getCacheClientToken(name))(prototype, property)
}
