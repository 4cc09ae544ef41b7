import { describe, expect, it } from 'vitest'
import { CacheError, createCacheClient, type Driver } from '../src/index.js'

/** Creates a client on a driver whose `send` is not what the contract says. */
function clientOn(send: () => unknown, topology: Driver['topology']) {
  return createCacheClient({
    name: 'broken',
    topology,
    send,
    group: (keys: readonly string[]) => [keys],
    nodes: async () => [],
    subscribe: () => Promise.reject(new Error()),
    dedicate: () => Promise.reject(new Error()),
    close: async () => undefined,
  } as unknown as Driver)
}

const broken: readonly (readonly [string, () => unknown, RegExp])[] = [
  [
    'throws',
    () => {
      throw new Error('out of order')
    },
    /threw an error/,
  ],
  ['returns nothing', () => undefined, /returned no promise/],
  ['returns one promise for all', () => Promise.resolve(['OK']), /returned no promise/],
  ['returns too few promises', () => [], /returned no promise/],
  ['rejects', () => [Promise.reject(new Error('out of order'))], /rejected a promise/],
  [
    'resolves with a foreign error',
    () => [Promise.resolve(new Error('out of order'))],
    /not a CacheError/,
  ],
]

describe.each(['standalone', 'sharded'] as const)('on a driver for %s whose send', (topology) => {
  it.each(broken)('%s, a command fails with an error that says so', async (_, send, message) => {
    const client = clientOn(send, topology)
    const error = await client.send({ args: ['PING'], keys: [] }).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(CacheError)
    expect(error).toMatchObject({ code: 'DRIVER', message: expect.stringMatching(message) })
    await client.close()
  })
})
