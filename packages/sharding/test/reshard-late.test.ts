import { setTimeout as sleep } from 'node:timers/promises'
import type { Driver } from '@cache/core'
import { expect, it } from 'vitest'
import { LateReshardError, shardedDriver } from '../src/index.js'
import { FOUR, THREE, changing, keyed, movingKey, soon } from './changing.js'
import { stage } from './shards.js'

const on = stage('a', 'b', 'c', 'd')
const { startProcess, change, keysOn, keepFromSweeping } = changing(on)

/**
 * A process whose commands of that name reach shard a when it lets them: as over a connection that
 * is lost and comes back.
 */
function startSlowProcess(command: string) {
  const shards: Record<string, Driver> = Object.fromEntries(
    FOUR.map((name) => [name, on().driverAt(name)]),
  )
  const held: (() => void)[] = []
  let open = false
  const { a } = shards as { a: Driver }
  const slow: Driver = {
    ...a,
    async send(commands, options = {}) {
      if (!open && commands.some(({ args }) => args[0] === command))
        await new Promise<void>((resolve) => held.push(resolve))
      return a.send(commands, options)
    },
  }
  const { d, ...three } = { ...shards, a: slow } as Record<string, Driver>
  const driver = shardedDriver({ shards: three, announceFor: 1_000, timeout: 10_000 })
  return {
    driver,
    client: on().client(driver),
    held,
    reshard: () => driver.reshard({ shards: { ...three, d: d! } }),
    letGo() {
      open = true
      for (const go of held.splice(0)) go()
    },
  }
}

it.each([
  'before it is used in its new one',
  'when it has been used there',
  'when it has been deleted there',
])(
  'what is written to an old place long after the moment, %s, takes nothing back',
  async (when) => {
    const key = movingKey('a')
    const first = startProcess(THREE)
    const late = startSlowProcess('SET')
    await first.client.send(keyed(key, 'SET', key, 'before'))
    await keepFromSweeping(THREE, 6_000)
    const changes = [change(first.driver, FOUR), late.reshard()]
    await sleep(200)
    const writing = late.client.send(keyed(key, 'SET', key, 'late'))
    await soon(() => expect(late.held).toHaveLength(1))
    await soon(() =>
      expect([first.driver.shardOf(key), late.driver.shardOf(key)]).toEqual(['d', 'd']),
    )
    if (when !== 'before it is used in its new one')
      expect(await first.client.send(keyed(key, 'GET', key))).toBe('before')
    late.letGo()
    await expect(writing).rejects.toMatchObject({ code: 'RESHARDED' })
    expect(await on().servers.a.cli('GET', key)).toBe('late')
    if (when === 'when it has been deleted there') {
      expect(await first.client.send(keyed(key, 'DEL', key))).toBe(1)
      await sleep(2_800) // the note in the new place has expired
    }
    // Nobody was told that it was written, but it may have been: if nobody had moved the key yet.
    const expected = {
      'before it is used in its new one': 'late',
      'when it has been used there': 'before',
      'when it has been deleted there': null,
    }[when]
    for (const { client } of [late, first])
      expect(await client.send(keyed(key, 'GET', key))).toBe(expected)
    await Promise.all(changes)
    for (const { client } of [late, first])
      expect(await client.send(keyed(key, 'GET', key))).toBe(expected)
    expect(await keysOn('a')).toEqual([])
    await late.driver.close()
  },
  60_000,
)

it('a moment that comes sooner than was believed, because a clock was set, leaves nobody in old places for long, and who was is told so', async () => {
  const [first, second] = [startProcess(THREE, 20_000), startProcess(THREE, 20_000)]
  const key = movingKey('a')
  await first.client.send(keyed(key, 'SET', key, 'before'))
  const changes = [first, second].map(({ driver }) =>
    change(driver, FOUR).then(
      () => undefined,
      (error: unknown) => error,
    ),
  )
  let register = ''
  await soon(async () =>
    expect(
      (register = (await on().servers.a.cli('KEYS', '{cache-shards}:after:*')).trim()),
    ).not.toBe(''),
  )
  await sleep(500) // both have joined
  await on().servers.a.cli('HINCRBY', register, 'at', -30_000)
  let reads = 0
  while (first.driver.shardOf(key) === 'a' || second.driver.shardOf(key) === 'a') {
    await Promise.all(
      [first, second].map(({ client }) =>
        client.send(keyed(key, 'GET', key)).catch(() => undefined),
      ),
    )
    reads++
    await sleep(5)
  }
  expect(reads).toBeGreaterThan(0)
  for (const error of await Promise.all(changes)) expect(error).toBeInstanceOf(LateReshardError)
  for (const { client } of [first, second])
    expect(await client.send(keyed(key, 'GET', key))).toBe('before')
}, 60_000)

it('one that was answered in an old place after the moment, though it had asked before, is told that it was late', async () => {
  const key = movingKey('a')
  const first = startProcess(THREE)
  const late = startSlowProcess('SET')
  const changed = change(first.driver, FOUR)
  const writing = late.client.send(keyed(key, 'SET', key, 'acknowledged'))
  await soon(() => expect(late.held).toHaveLength(1))
  await soon(() => expect(first.driver.shardOf(key)).toBe('d'))
  late.letGo()
  expect(await writing).toBe('OK')
  await expect(late.reshard()).rejects.toBeInstanceOf(LateReshardError)
  await changed
  await late.driver.close()
})
