import { expect, it } from 'vitest'
import { runLockTests } from '../../src/conformance/index.js'
import { Stages } from './stage.js'

it('the suite fails a lock that believes in itself until it lets go', async () => {
  await using stages = new Stages({ kind: 'naive', client: 'ioredis', servers: 1 })
  const tests: { name: string; test: () => Promise<void> }[] = []
  runLockTests(stages.next, { describe: (_, body) => body(), it: (name, test) => tests.push({ name, test }) }, { ttl: 300, patience: 1_500 })
  const failed: string[] = []
  for (const { name, test } of tests) await test().catch(() => failed.push(name))
  expect(failed).toEqual(expect.arrayContaining([
    'that is stopped (SIGSTOP) past its ttl knows so when it goes on',
    'that blocks its event loop past its ttl knows so at the first line after',
    'whose connection is cut is told so before another has the lock',
    'whose replies vanish is told so before another has the lock',
    'whose packets vanish both ways is told so before another has the lock',
    'by FLUSHALL: fences rise, and a store that checks them loses no update',
  ]))
  expect(failed).not.toContain('that is killed (SIGKILL) is followed by another, within its ttl and one poll')
}, 120_000)
