import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    suites: 'src/matrix/suites.ts',
    'find-redis': 'src/bin/find-redis.ts',
  },
  format: ['esm'],
  clean: true,
  dts: { entry: { index: 'src/index.ts', suites: 'src/matrix/suites.ts' } },
  external: ['vitest'],
  target: 'node20',
})
