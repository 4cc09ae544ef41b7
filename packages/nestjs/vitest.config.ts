import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const common = {
  testTimeout: 30_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: 10_000 } },
}
const previous = fileURLToPath(new URL('./test/nest-11/node_modules/@nestjs', import.meta.url))

// The suites in test/nest run in the current and in the previous major version of NestJS.
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        // Vite would leave standard decorators as they are.
        esbuild: { target: 'node20' },
        test: {
          ...common,
          name: 'decorators',
          include: ['test/*.test.ts', 'test/standard/*.test.ts'],
        },
      },
      {
        test: { ...common, name: 'nest 12', include: ['test/nest/*.test.ts'], env: { NEST: '12' } },
      },
      {
        resolve: { alias: [{ find: /^@nestjs\/([^/]+)/, replacement: `${previous}/$1` }] },
        test: { ...common, name: 'nest 11', include: ['test/nest/*.test.ts'], env: { NEST: '11' } },
      },
    ],
  },
})
