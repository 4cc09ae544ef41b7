import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    globalSetup: 'generate.mjs',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
})
