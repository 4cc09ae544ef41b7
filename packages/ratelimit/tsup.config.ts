import { defineConfig } from 'tsup'
import { luaPlugin } from '../../scripts/lua-plugin.mjs'
import { oneChunkPlugin } from '../../scripts/one-chunk-plugin.mjs'
import { sourceMapPlugin } from '../../scripts/source-map-plugin.mjs'

/** What each adapter needs, and does not import `node:http`. */
const shared = ['src/index.ts', 'src/http/consume-for-request.ts', 'src/http/limiter-option.ts']

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    express: 'src/adapters/express.ts',
    fastify: 'src/adapters/fastify.ts',
    hono: 'src/adapters/hono.ts',
    guard: 'src/adapters/guard.ts',
    'express-rate-limit': 'src/adapters/express-rate-limit.ts',
  },
  format: ['esm', 'cjs'],
  clean: true,
  dts: true,
  sourcemap: true,
  splitting: true,
  target: 'node20',
  esbuildPlugins: [luaPlugin, oneChunkPlugin(shared)],
  plugins: [sourceMapPlugin],
})
