import { hostileValues, plantValue } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { commandOn } from './commands.js'
import { FOUR, THREE, layoutOf, movingKey, reshardHelpers } from './reshard-helpers.js'
import { setupShards } from './setup-shards.js'

const setup = setupShards('a', 'b', 'c', 'd')
const { startProcess, reshardTo } = reshardHelpers(setup)

const fields = ['next', 'at', 'id', 'done', 'undoes', 'error']
const inShortRuns = ['a hash of "x"', 'a string: bytes that are no UTF-8', 'a sorted set at +inf']
const values = hostileValues(fields).filter(
  ({ name }) => process.env.CHAOS || inShortRuns.includes(name),
)

describe('a reshard works with a hostile value at the package’s own keys', () => {
  it.each(values)(
    '$name',
    async (value) => {
      const processes = [startProcess(THREE, 300), startProcess(THREE, 300)]
      const key = movingKey('a')
      await processes[0]!.client.send(commandOn(key, 'SET', key, 'x'))
      for (const own of [
        `after:${layoutOf(THREE).fingerprint}`,
        `after:${layoutOf(FOUR).fingerprint}`,
        `sweeper:${layoutOf(THREE).fingerprint}`,
      ]) {
        for (const name of ['a', 'b'] as const) {
          const client = setup().client(setup().driver([name]))
          await plantValue(client, `{cache-shards}:${own}`, value)
        }
      }
      await Promise.all(processes.map(({ driver }) => reshardTo(driver, FOUR)))
      for (const { driver, client } of processes) {
        expect(driver.shardOf(key)).toBe('d')
        expect(await client.send(commandOn(key, 'GET', key))).toBe('x')
      }
    },
    90_000,
  )
})
