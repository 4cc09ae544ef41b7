import { defineConfig } from 'tsup'

export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  clean: true,
  dts: true,
  sourcemap: true,
  target: 'node20',
  // The CommonJS build uses __filename instead.
  esbuildOptions: (options) => void (options.logOverride = { 'empty-import-meta': 'silent' }),
})
