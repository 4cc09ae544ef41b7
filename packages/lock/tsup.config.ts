import { defineConfig } from 'tsup'
import { luaPlugin } from '../../scripts/lua-plugin.mjs'
import { sourceMapPlugin } from '../../scripts/source-map-plugin.mjs'

export default defineConfig({
  entry: { index: 'src/index.ts', conformance: 'src/conformance/index.ts' },
  format: ['esm', 'cjs'],
  clean: true,
  dts: true,
  sourcemap: true,
  // One copy of each class for all entry points, also in CommonJS. `instanceof` depends on it.
  splitting: true,
  target: 'node20',
  esbuildPlugins: [luaPlugin],
  plugins: [sourceMapPlugin],
})
