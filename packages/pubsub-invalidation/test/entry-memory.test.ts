import { spawnProcesses, startRedis } from '@cache/testkit'
import { expect, it } from 'vitest'
import type { Measured } from './processes/near-memory.js'

it('bounds the heap that an entry and a request in flight take', async () => {
  await using redis = await startRedis()
  const group = spawnProcesses(new URL('processes/near-memory.ts', import.meta.url), {
    data: { url: redis.url },
  })
  try {
    const { entry, inFlight, inFlightWithoutNear } = await group.processes[0]!.next<Measured>(
      'measured',
      { timeout: 60_000 },
    )
    expect(entry).toBeGreaterThan(100)
    expect(entry).toBeLessThan(320)
    expect(inFlight).toBeGreaterThan(100)
    expect(inFlight).toBeLessThan(3_400)
    expect(inFlightWithoutNear).toBeGreaterThan(100)
    expect(inFlightWithoutNear).toBeLessThan(1_700)
  } finally {
    await group.stop()
  }
}, 90_000)
