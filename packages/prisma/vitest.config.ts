import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { alias: { '@cache/prisma': new URL('src/index.ts', import.meta.url).pathname } },
  test: {
    globalSetup: 'test/generate.mjs',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
})
