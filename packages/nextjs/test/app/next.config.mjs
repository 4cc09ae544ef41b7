import { fileURLToPath } from 'node:url'

const file = (name) => fileURLToPath(new URL(name, import.meta.url))

export default {
  cacheComponents: true,
  cacheHandler: file('./handlers/incremental.mjs'),
  cacheHandlers: { default: file('./handlers/use-cache.mjs') },
  cacheMaxMemorySize: 0,
  distDir: process.env.DIST_DIR ?? '.next',
  turbopack: { root: file('../../../..') },
  typescript: { ignoreBuildErrors: true },
}
