import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const prisma6 = createRequire(path('test/prisma-6/package.json'))

/** The package itself, which the example imports by its name. */
const self = { find: '@cache/prisma', replacement: path('src/index.ts') }
const test = {
  testTimeout: 30_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: 20_000 } },
}

export default defineConfig({
  test: {
    maxWorkers: 2,
    globalSetup: 'test/generate.mjs',
    projects: [
      { resolve: { alias: [self] }, test: { ...test, name: 'Prisma 7' } },
      {
        resolve: {
          alias: [
            {
              find: /^\.\/generated\/client\.js$/,
              replacement: path('test/prisma-6/generated/client/client.ts'),
            },
            { find: '@prisma/adapter-pg', replacement: prisma6.resolve('@prisma/adapter-pg') },
          ],
        },
        test: {
          ...test,
          name: 'Prisma 6',
          include: ['transactions', 'reads', 'operation'].map((name) => `test/${name}.test.ts`),
        },
      },
    ],
  },
})
