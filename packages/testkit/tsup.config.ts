import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', 'find-redis': 'src/bin/find-redis.ts' },
  format: ['esm'],
  dts: { entry: { index: 'src/index.ts' } },
  target: 'node20',
})
