import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{test,migrations,extend,operate}/**/*.test.ts'],
    silent: 'passed-only',
    fileParallelism: false, // Several build the site.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
})
