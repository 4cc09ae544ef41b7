import { fileURLToPath } from 'node:url'

const file = (name) => fileURLToPath(new URL(name, import.meta.url))

export default {
  cacheComponents: true,
  partialPrefetching: false,
  cacheHandler: file('./handlers/incremental.mjs'),
  cacheHandlers: { default: file('./handlers/use-cache.mjs') },
  cacheMaxMemorySize: 0,
  serverExternalPackages: ['@cache/core', '@cache/nextjs', 'ioredis', 'redis'],
  turbopack: { root: file('../../../..') },
  typescript: { ignoreBuildErrors: true },
}
