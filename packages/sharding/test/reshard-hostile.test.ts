import { hostileValues, plantValue } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { Layout } from '../src/layout.js'
import { rendezvous } from '../src/index.js'
import type { Shard } from '../src/shard.js'
import { FOUR, THREE, changing, keyed, movingKey } from './changing.js'
import type { Name } from './servers.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change } = changing(on)

const fingerprint = (names: readonly Name[]): string =>
  new Layout(
    names.map((name) => ({ name }) as Shard),
    names.map(() => 1),
    rendezvous(),
  ).fingerprint
const fields = ['next', 'at', 'id', 'done', 'undoes', 'error']
const short = ['a hash of "x"', 'a string: bytes that are no UTF-8', 'a sorted set at +inf']

describe('whatever stands at the keys that say what changes', () => {
  it.each(hostileValues(fields).filter(({ name }) => process.env.CHAOS || short.includes(name)))(
    'shards are changed: $name',
    async (value) => {
      const processes = [startProcess(THREE, 300), startProcess(THREE, 300)]
      const key = movingKey('a')
      await processes[0]!.client.send(keyed(key, 'SET', key, 'x'))
      for (const own of [
        `after:${fingerprint(THREE)}`,
        `after:${fingerprint(FOUR)}`,
        `sweeper:${fingerprint(THREE)}`,
      ]) {
        for (const server of [on().servers.a, on().servers.b]) {
          const client = on().client(on().driver([server === on().servers.a ? 'a' : 'b']))
          await plantValue(client, `{cache-shards}:${own}`, value)
        }
      }
      await Promise.all(processes.map(({ driver }) => change(driver, FOUR)))
      for (const { driver, client } of processes) {
        expect(driver.shardOf(key)).toBe('d')
        expect(await client.send(keyed(key, 'GET', key))).toBe('x')
      }
    },
    60_000,
  )
})
