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
  test: {
    maxWorkers: 2,
    // Files share a worker, with its servers and loaded modules, except in long runs.
    isolate: process.env.CHAOS !== undefined,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
  },
})
