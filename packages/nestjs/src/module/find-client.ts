import { UsageError, type CacheClient } from '@cache/core'
import type { ModuleRef } from '@nestjs/core'
import { DEFAULT_CLIENT } from '../decorators/client.js'
import { getCacheClientToken } from './tokens.js'

/** Returns a client of the application, whichever module has it. @throws {UsageError} */
export function findClient(modules: ModuleRef, name: string = DEFAULT_CLIENT): CacheClient {
  try {
    return modules.get<CacheClient>(getCacheClientToken(name), { strict: false })
  } catch {
    throw new UsageError(
      `The application has no cache client "${name}". Import CacheModule.forRoot({ ` +
        `${name === DEFAULT_CLIENT ? '' : `name: '${name}', `}… }).`,
    )
  }
}
