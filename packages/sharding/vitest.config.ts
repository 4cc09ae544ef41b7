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
  // They wait more than they work.
  test: {
    maxWorkers: 6,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
  },
})
