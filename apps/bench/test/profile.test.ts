import { expect, it, vi } from 'vitest'
import { sharesOf } from '../src/profile/cpu-shares.js'
import { profile } from '../src/profile/profile.js'

it('the CPU time belongs to packages and functions, without what is idle', () => {
  const frame = (id: number, functionName: string, url: string) => ({
    id,
    callFrame: { functionName, url, scriptId: '0', lineNumber: 1, columnNumber: 1 },
  })
  const { packages, functions } = sharesOf({
    nodes: [
      frame(1, '(idle)', ''),
      frame(2, 'dispatch', ''),
      frame(3, 'parse', 'file:///home/packages/core/dist/index.js'),
      frame(
        4,
        'write',
        'file:///home/node_modules/.pnpm/ioredis@6/node_modules/ioredis/built/Redis.js',
      ),
      frame(5, '(garbage collector)', ''),
      frame(6, 'get', 'file:///home/node_modules/@redis/client/dist/index.js'),
      frame(7, 'read', 'file:///home/packages/core/dist/index.js'),
    ],
    startTime: 0,
    endTime: 1_000,
    samples: [1, 2, 3, 4, 5, 6, 7],
    timeDeltas: [500, 100, 200, 80, 60, 40, 20],
  })
  expect([...packages]).toEqual([
    ['@cache/core', 0.55],
    ['ioredis', 0.2],
    ['garbage collection', 0.15],
    ['@redis/client', 0.1],
  ])
  expect([...functions]).toEqual([
    ['@cache/core parse', 0.5],
    ['@cache/core read', 0.05],
  ])
})

it('a profile shows the functions of the project and the commands of Redis', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  const table = vi.spyOn(console, 'table').mockImplementation(() => undefined)
  try {
    await profile('miss on ioredis', true)
    const [packages, , commands] = table.mock.calls.map(([shown]) => shown as object)
    expect(packages).toHaveProperty('@cache/core')
    expect(commands).toMatchObject({ set: { calls: 2 }, evalsha: expect.anything() })
    expect(log.mock.calls.flat().join()).toContain('miss on ioredis')
  } finally {
    vi.restoreAllMocks()
  }
})
