import { expect, it } from 'vitest'
import { runLockTests } from '../../src/conformance/index.js'
import { Stages } from './stage.js'

it('the suite fails a lock whose holder never notices its loss', async () => {
  await using stages = new Stages({ kind: 'naive', client: 'ioredis', servers: 1 })
  const failures = async (names: readonly string[], patience: number): Promise<string[]> => {
    const tests: { name: string; test: () => Promise<void> }[] = []
    runLockTests(
      stages.next,
      { describe: (_, body) => body(), it: (name, test) => tests.push({ name, test }) },
      { ttl: 300, patience },
    )
    const failed: string[] = []
    for (const expected of names)
      await tests
        .find(({ name }) => name === expected)!
        .test()
        .catch(() => failed.push(expected))
    return failed
  }
  const expectedFailures = [
    'that is stopped (SIGSTOP) past its ttl knows it when it resumes',
    'that blocks its event loop past its ttl knows it right after',
    'knows of its loss before another has the lock, if its connection is cut',
    'knows of its loss before another has the lock, if replies vanish',
    'knows of its loss before another has the lock, if packets vanish both ways',
    'that arrives late takes neither a free lock nor a held one',
    'by FLUSHALL: fences rise, and their store loses no update',
  ]
  expect(await failures(expectedFailures, 1_500)).toEqual(expectedFailures)
  expect(
    await failures(['that is killed (SIGKILL) has a successor within ttl and poll'], 20_000),
  ).toEqual([])
}, 120_000)
