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
  // They wait for ttls most of the time, and not for the machine.
  test: {
    maxWorkers: 4,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
  },
})
