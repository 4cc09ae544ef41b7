import { expect, it } from 'vitest'
import { burnCpu } from '../src/index.js'

it('burnCpu lets no timer fire before it returns', async () => {
  const started = performance.now()
  const fired = new Promise<number>((resolve) => {
    setTimeout(() => resolve(performance.now()), 1)
  })
  burnCpu(50)
  expect((await fired) - started).toBeGreaterThanOrEqual(50)
})
