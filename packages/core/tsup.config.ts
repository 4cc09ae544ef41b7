import { readdirSync } from 'node:fs'
import { defineConfig } from 'tsup'
import { luaPlugin } from '../../scripts/lua-plugin.mjs'
import { oneChunkPlugin } from '../../scripts/one-chunk-plugin.mjs'
import { sourceMapPlugin } from '../../scripts/source-map-plugin.mjs'

/** What a process needs with any driver and any pattern. */
const shared = [
  'src/index.ts',
  'src/internal.ts',
  'src/driver-internal.ts',
  'src/drivers/command.ts',
  ...readdirSync('src/drivers/shared')
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `src/drivers/shared/${name}`),
]

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
  clean: true,
  dts: true,
  sourcemap: true,
  // One copy of each class for all entries, in CommonJS too: `instanceof` depends on it.
  splitting: true,
  target: 'node20',
  esbuildPlugins: [luaPlugin, oneChunkPlugin(shared)],
  esbuildOptions(options, { format }) {
    // For createRequire, which also takes a path.
    if (format === 'cjs') options.define = { ...options.define, 'import.meta.url': '__filename' }
  },
  plugins: [sourceMapPlugin],
})
