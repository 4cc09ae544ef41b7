import { defineConfig } from 'tsup'
import { luaPlugin } from '../../scripts/lua-plugin.mjs'
import { oneChunkPlugin } from '../../scripts/one-chunk-plugin.mjs'
import { sourceMapPlugin } from '../../scripts/source-map-plugin.mjs'

/** What an adapter needs, and does not import `node:http`. */
const shared = ['src/index.ts', 'src/node/request.ts', 'src/node/set-headers.ts']

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    express: 'src/adapters/express.ts',
    fastify: 'src/adapters/fastify.ts',
    hono: 'src/adapters/hono.ts',
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
