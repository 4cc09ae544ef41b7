import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { median } from '../src/measure/statistics.js'

const run = promisify(execFile)
const work = fileURLToPath(new URL('./processes/work.ts', import.meta.url))

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

/**
 * What a request allocates is garbage as soon as it has its answer. If something old still refers
 * to it (an old table of a Map, an object that V8 has allocated among the old ones), the collector
 * of young objects copies it twice, and only the collector of old objects frees it.
 */
describe('of what requests allocate, less than a tenth survives them', () => {
  it.each([
    ['aside', 'hit on ioredis', 60_000],
    ['aside', 'miss on ioredis', 30_000],
    ['aside', 'miss on node-redis', 30_000],
    ['limits', 'fixed window on ioredis', 30_000],
    ['limits', 'exact window on ioredis', 30_000],
    ['locks', 'lock on ioredis', 10_000],
    ['write-behind', 'enqueue on ioredis', 20_000],
  ])('%s: %s', async (task, variant, operations) => {
    await server.flush()
    const args = ['--trace-gc-nvp', '--import', 'tsx', work, task, variant, String(operations)]
    const { stdout } = await run(process.execPath, [...args, server.url], {
      maxBuffer: 64 * 1024 * 1024,
    })
    const from = Number(/measured after (\d+)/.exec(stdout)![1])
    const scavenges = stdout
      .split('\n')
      .filter((line) => / gc=s /.test(line) && Number(/ (\d+) ms:/.exec(line)![1]) > from)
    expect(scavenges.length).toBeGreaterThan(5)
    // The median: more survives the first ones, while the collector finds the size of its space.
    const shares = scavenges.map((line) => numberIn(line, 'promoted') / numberIn(line, 'allocated'))
    expect(median(shares)).toBeLessThan(0.1)
  })
})

function numberIn(line: string, field: string): number {
  return Number(new RegExp(` ${field}=(\\d+)`).exec(line)![1])
}
