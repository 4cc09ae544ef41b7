import { defineConfig } from 'tsup'
import { sourceMapPlugin } from '../../scripts/source-map-plugin.mjs'

export default defineConfig({
  entry: { index: 'src/index.ts', decorators: 'src/decorators/index.ts' },
  format: ['esm', 'cjs'],
  clean: true,
  dts: true,
  sourcemap: true,
  splitting: true,
  target: 'node20',
  plugins: [sourceMapPlugin],
})
