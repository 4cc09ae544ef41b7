import { expect, it } from 'vitest'
import { runLockTests } from '../../src/conformance/index.js'
import { startStage } from './stage.js'

it('the suite fails a lock that believes in itself', async () => {
  const tests: { name: string; test: () => Promise<void> }[] = []
  let group = ''
  runLockTests(() => startStage({ kind: 'naive', client: 'ioredis', servers: 1 }), {
    describe: (name, body) => { group = name; body() },
    it: (name, test) => tests.push({ name: `${group} ${name}`, test }),
  }, { ttl: 600, patience: 3_000 })
  const failed: string[] = []
  for (const { name, test } of tests) await test().catch(() => failed.push(name))
  expect(failed).toEqual([])
}, 120_000)
