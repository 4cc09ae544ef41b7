import { defineConfig } from 'tsup'
import { luaPlugin } from '../../scripts/lua-plugin.mjs'
import { sourceMapPlugin } from '../../scripts/source-map-plugin.mjs'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    internal: 'src/internal.ts',
    'driver-internal': 'src/driver-internal.ts',
    ioredis: 'src/drivers/ioredis/driver.ts',
    'node-redis': 'src/drivers/node-redis/driver.ts',
    'driver-tests': 'src/driver-tests/index.ts',
  },
  format: ['esm', 'cjs'],
  dts: true,
  sourcemap: true,
  // One copy of each class for all entries, in CommonJS too: `instanceof` depends on it.
  splitting: true,
  target: 'node20',
  shims: true, // import.meta.url, in CommonJS too
  esbuildPlugins: [luaPlugin],
  plugins: [sourceMapPlugin],
})
