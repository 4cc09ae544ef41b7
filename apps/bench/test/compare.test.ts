import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { BuildProcess } from '../src/compare/build-process.js'
import { root } from '../src/compare/checkout.js'
import { comparisons, type Comparison } from '../src/compare/comparisons.js'
import { exceedsAgain } from '../src/compare/growth-limit.js'
import { measureGrowth, type Growth, type Side } from '../src/compare/paired-rounds.js'
import { ServerMeter } from '../src/measure/server-meter.js'

let server: RedisServer
beforeAll(async () => void (server = await startRedis()))
afterAll(() => server.stop())

const grownBy = (median: number): Growth => {
  const spread = { low: median, median, high: median }
  return { cpu: spread, time: spread, server: undefined }
}

const side = (i: number): Side => ({
  build: { name: `build ${i}`, root },
  place: { url: `${server.url}/${i}`, cluster: [], prefix: `build ${i}` },
})

it('a build can do each comparison', async () => {
  const { build, place } = side(0)
  using process = new BuildProcess(build)
  for (const { name, task, variant, needsCluster } of comparisons) {
    if (needsCluster) continue
    await server.flush()
    await process.ask({ type: 'open', task, variant, place })
    await process.ask({ type: 'before round', operations: 500 })
    const { cpu, wall } = await process.ask({ type: 'round', operations: 500 })
    await process.ask({ type: 'after round' })
    expect(Math.min(cpu, wall), name).toBeGreaterThan(0)
  }
}, 120_000)

async function growthOf(comparison: Comparison): Promise<Growth> {
  await using meter = new ServerMeter([server])
  return await measureGrowth(comparison, [side(0), side(1)], 5, meter)
}

it('the growth of a build is that against the other one', async () => {
  const { cpu, time, server } = await growthOf(comparisons[0]!)
  for (const { low, median, high } of [cpu, time]) {
    expect(low).toBeGreaterThan(0)
    expect(median).toBeGreaterThanOrEqual(low)
    expect(high).toBeGreaterThanOrEqual(median)
  }
  expect(server).toBeUndefined()
})

it('the error for a task that a build cannot do names the build', async () => {
  const comparison = { name: 'none', task: 'none', variant: 'none', operations: 1 }
  await expect(growthOf(comparison)).rejects.toThrow('build 0 cannot do this: Cannot find module')
})

it('a growth that is not there each time does not exceed the limit', async () => {
  const growths = [1.5, 1.3, 1.1]
  const { growth, exceeds } = await exceedsAgain(async () => grownBy(growths.shift()!))
  expect([growth.cpu.median, exceeds]).toEqual([1.1, false])
})

it('a growth that is there each time exceeds it, and is measured three times', async () => {
  const growths = [1.5, 1.3, 1.4, 1]
  const { growth, exceeds } = await exceedsAgain(async () => grownBy(growths.shift()!))
  expect([growth.cpu.median, exceeds, growths.length]).toEqual([1.3, true, 1])
})

it('a growth of less than a fifth is measured once', async () => {
  let measured = 0
  const { exceeds } = await exceedsAgain(async () => {
    measured++
    return grownBy(1.19)
  })
  expect([exceeds, measured]).toEqual([false, 1])
})
