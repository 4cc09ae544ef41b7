import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError, type CacheClient } from '@cache/core'
import { checkClient } from '@cache/core/internal'

/** Whether `next build` runs. Redis is not used then, so that a build needs none. */
export function isBuilding(): boolean {
  return process.env['NEXT_PHASE'] === 'phase-production-build'
}

/**
 * Returns a function that creates a client on its first call, and then always returns it. All
 * copies of your module in this process get the same client: Next.js may load a module more than
 * once.
 *
 * Pass the function to the handlers as `client`. So `next build` connects to nothing. Clients with
 * different names are different clients; the default name is 'default'.
 *
 * @example
 * export const client = sharedClient(() =>
 *   createCacheClient(ioredisDriver(new Redis(process.env.REDIS_URL)), { namespace: 'shop' }),
 * )
 */
export function sharedClient(
  create: () => CacheClient,
  { name = 'default' }: { readonly name?: string } = {},
): () => CacheClient {
  const clients = ((globalThis as { [CLIENTS]?: Map<string, CacheClient> })[CLIENTS] ??= new Map())
  return () => {
    let client = clients.get(name)
    if (client === undefined) clients.set(name, (client = create()))
    return client
  }
}

const CLIENTS = Symbol.for('@cache/nextjs/clients')

/** Returns the client of an option, which is checked when it is first needed. */
export function resolveClient(client: CacheClient | (() => CacheClient)): CacheClient {
  return checkClient(typeof client === 'function' ? client() : client)
}

/**
 * Returns what tells this build from others.
 *
 * @throws {UsageError} if nothing does.
 */
export function resolveDeploymentId(
  given: string | undefined,
  distDir = join(process.cwd(), '.next'),
): string {
  const id = given || process.env['NEXT_DEPLOYMENT_ID'] || readBuildId(distDir)
  if (id) return id
  if (process.env.NODE_ENV !== 'production') return 'development'
  throw new UsageError(
    `The build has no id: there is no ${join(distDir, 'BUILD_ID')}. Set the option ` +
      '"deploymentId" of the cache handler, or the environment variable NEXT_DEPLOYMENT_ID.',
  )
}

function readBuildId(distDir: string): string | undefined {
  try {
    return readFileSync(join(distDir, 'BUILD_ID'), 'utf8').trim()
  } catch {
    return undefined
  }
}
