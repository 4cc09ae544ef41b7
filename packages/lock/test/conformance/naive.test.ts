import { expect, it } from 'vitest'
import { runLockTests } from '../../src/conformance/index.js'
import { Stages } from './stage.js'

it('the suite fails a lock that believes in itself until it lets go', async () => {
  await using stages = new Stages({ kind: 'naive', client: 'ioredis', servers: 1 })
  const failures = async (names: readonly string[], patience: number): Promise<string[]> => {
    const tests: { name: string; test: () => Promise<void> }[] = []
    runLockTests(
      stages.next,
      { describe: (_, body) => body(), it: (name, test) => tests.push({ name, test }) },
      { ttl: 300, patience },
    )
    const failed: string[] = []
    for (const wanted of names)
      await tests
        .find(({ name }) => name === wanted)!
        .test()
        .catch(() => failed.push(wanted))
    return failed
  }
  const beyondIt = [
    'that is stopped (SIGSTOP) past its ttl knows so when it goes on',
    'that blocks its event loop past its ttl knows so at the first line after',
    'whose connection is cut is told so before another has the lock',
    'whose replies vanish is told so before another has the lock',
    'whose packets vanish both ways is told so before another has the lock',
    'after the lock was released takes it for nobody, and after another has it takes nothing from that one',
    'by FLUSHALL: fences rise, and a store that checks them loses no update',
  ]
  expect(await failures(beyondIt, 1_500)).toEqual(beyondIt)
  expect(
    await failures(
      ['that is killed (SIGKILL) is followed by another, within its ttl and one poll'],
      20_000,
    ),
  ).toEqual([])
}, 120_000)
