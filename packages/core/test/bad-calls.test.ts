import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defineScript, type CacheClient } from '../src/index.js'
import { createFormat } from '../src/internal.js'
import { onEach } from './cases.js'

const format = createFormat<number>()
const increment = defineScript({
  name: 'increment',
  lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
  parse: Number,
})

let unhandled: unknown[]
let others: {
  unhandledRejection: NodeJS.UnhandledRejectionListener[]
  uncaughtException: NodeJS.UncaughtExceptionListener[]
}
const heard = (error: unknown): void => {
  unhandled.push(error)
}

beforeEach(() => {
  // Instead of the runner, which would fail the whole run.
  others = {
    unhandledRejection: process.listeners('unhandledRejection'),
    uncaughtException: process.listeners('uncaughtException'),
  }
  unhandled = []
  process.removeAllListeners('unhandledRejection').removeAllListeners('uncaughtException')
  process.on('unhandledRejection', heard).on('uncaughtException', heard)
})
afterEach(() => {
  process.removeAllListeners('unhandledRejection').removeAllListeners('uncaughtException')
  for (const listener of others.unhandledRejection) process.on('unhandledRejection', listener)
  for (const listener of others.uncaughtException) process.on('uncaughtException', listener)
})

onEach((bench) => {
  const settled = (answer: Promise<unknown>): Promise<string> =>
    Promise.race([
      answer.then(
        () => 'resolved',
        () => 'rejected',
      ),
      new Promise<string>((resolve) => setTimeout(resolve, 2_000, 'never settled')),
    ])

  const bad: readonly (readonly [what: string, call: (client: CacheClient) => Promise<unknown>])[] =
    [
      ['a read of no key', ({ entries }) => entries.read(undefined as never, format)],
      ['reads of no key', ({ entries }) => entries.readMany(['{t}a', undefined as never], format)],
      ['a read of a number', ({ entries }) => entries.readWithLife(5 as never, format)],
      ['a call with no key', (client) => client.run(increment, [undefined as never], ['1'])],
      [
        'a call with a number among its arguments',
        (client) => client.run(increment, ['{t}n'], [1 as never]),
      ],
      [
        'a call with undefined among its arguments',
        (client) => client.run(increment, ['{t}n'], [undefined as never]),
      ],
      ['a call without arguments', (client) => client.run(increment, ['{t}n'], undefined as never)],
      ['a call of no script', (client) => client.run(undefined as never, ['{t}n'], [])],
    ]

  describe.each(bad)('%s', (_, call) => {
    it('is rejected, touches no other, and nothing goes unhandled', async () => {
      const client = bench().newClient()
      await client.run(increment, ['{t}n'], ['5'])
      const neighbours = [
        client.run(increment, ['{t}n'], ['1']),
        client.entries.read('{t}n', format),
      ]
      const mine = (async () => call(client))()
      expect({
        mine: await settled(mine),
        neighbours: await Promise.all(neighbours.map(settled)),
        unhandled,
      }).toEqual({ mine: 'rejected', neighbours: ['resolved', 'resolved'], unhandled: [] })
    })

    it('is no outage: the circuit stays closed', async () => {
      const client = bench().newClient()
      await client.send({ args: ['PING'], keys: [] })
      for (let i = 0; i < 8; i++)
        await Promise.race([
          (async () => call(client))().catch(() => undefined),
          new Promise((resolve) => setTimeout(resolve, 100)),
        ])
      expect(await client.send({ args: ['PING'], keys: [] })).toBe('PONG')
    })
  })

  it('calls of two shapes in turn, for different keys, are few EVALSHAs', async () => {
    const client = bench().newClient()
    const sum = defineScript({
      name: 'sum',
      lua: 'local sum = 0 for _, each in ipairs(ARGV) do sum = sum + each end return sum',
      parse: Number,
    })
    const all = (): Promise<number[]> =>
      Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          client.run(sum, [`{t}${i}`], i % 2 ? ['1'] : ['1', '1']),
        ),
      )
    await all()
    const watched = await bench().watch()
    await all()
    expect((await watched.commands('EVALSHA')).length).toBeLessThanOrEqual(2)
  })
})
