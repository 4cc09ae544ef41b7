import { defineConfig } from 'tsup'
import { luaPlugin } from '../../scripts/lua-plugin.mjs'

export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  clean: true,
  dts: true,
  sourcemap: true,
  target: 'node20',
  esbuildPlugins: [luaPlugin],
})
