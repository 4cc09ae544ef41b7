import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { defineConfig, type Plugin } from 'vitest/config'

const common = {
  testTimeout: 30_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: 10_000 } },
}
const previous = fileURLToPath(new URL('./test/nest-11/node_modules/@nestjs', import.meta.url))

/** Compiles test/standard without `experimentalDecorators`, which Vite does not do. */
const standardDecorators: Plugin = {
  name: 'standard-decorators',
  enforce: 'pre',
  transform: (code, id) =>
    /\/test\/standard\/.*\.ts$/.test(id)
      ? ts.transpileModule(code, {
          compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
        }).outputText
      : undefined,
}

// The suites in test/nest run in the current and in the previous major version of NestJS.
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        plugins: [standardDecorators],
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
