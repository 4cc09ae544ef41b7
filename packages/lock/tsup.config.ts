import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', conformance: 'src/conformance/index.ts' },
  format: ['esm', 'cjs'],
  dts: true,
  splitting: true, // one copy of each class for all entries, in CommonJS too: `instanceof` depends on it
  target: 'node20',
  loader: { '.lua': 'text' },
})
