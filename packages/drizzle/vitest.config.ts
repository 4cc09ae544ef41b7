import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { alias: { '@cache/drizzle': new URL('src/index.ts', import.meta.url).pathname } },
  test: {
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 20_000 } },
  },
})
