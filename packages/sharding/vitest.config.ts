import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [
    {
      name: 'lua',
      enforce: 'pre',
      transform: (code, id) =>
        id.endsWith('.lua') ? `export default ${JSON.stringify(code)}` : undefined,
    },
  ],
  // The tests wait more than they work, so there can be many at once, but another suite may run
  // beside them.
  test: {
    maxWorkers: 4,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
  },
})
