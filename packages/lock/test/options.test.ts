import { createCacheClient, InvalidKeyError, InvalidOptionError, type Driver } from '@cache/core'
import { describe, expect, it } from 'vitest'
import {
  createLocks,
  createReadWriteLock,
  createRedlock,
  createSemaphore,
  createStampedeGuard,
  type AcquireOptions,
} from '../src/index.js'

const unused = (): never => {
  throw new Error('the driver must not be used')
}
const newClient = () => {
  const driver: Driver = {
    name: 'none',
    topology: 'standalone',
    send: unused,
    group: unused,
    dedicate: unused,
    subscribe: unused,
    nodes: unused,
    close: async () => undefined,
  }
  return createCacheClient(driver)
}
const client = newClient()
const locks = createLocks({ client })

const invalidLockOptions: readonly [option: string, value: unknown][] = [
  ['ttl', 0],
  ['ttl', 9],
  ['ttl', -1],
  ['ttl', NaN],
  ['ttl', Infinity],
  ['ttl', '1 fortnight'],
  ['ttl', null],
  ['wait', 0],
  ['wait', '5'],
  ['wait', Infinity],
  ['renew', 'yes'],
  ['renew', null],
  ['maxHold', 0],
  ['maxHold', 'long'],
  ['fair', 1],
  ['label', ''],
  ['label', 7],
]
const invalidClientOptions: readonly [option: string, value: unknown][] = [
  ['client', undefined],
  ['client', {}],
  ['client', 'redis://localhost'],
  ['prefix', ''],
  ['prefix', 'a\nb'],
  ['prefix', '{'],
  ['prefix', 7],
]
const unknownOptions: readonly [option: string, value: unknown][] = [
  ['tll', '5s'],
  ['signals', []],
]

describe.each<[string, (options: object) => unknown, object, readonly [string, unknown][]]>([
  [
    'createLocks',
    createLocks as never,
    { client },
    [...invalidLockOptions, ...invalidClientOptions, ...unknownOptions],
  ],
  [
    'createSemaphore',
    createSemaphore as never,
    { client, name: 'x', permits: 3 },
    [
      ...invalidLockOptions,
      ...invalidClientOptions,
      ...unknownOptions,
      ['permits', 0],
      ['permits', 1.5],
      ['permits', '3'],
      ['permits', undefined],
      ['permits', Infinity],
      ['name', undefined],
    ],
  ],
  [
    'createReadWriteLock',
    createReadWriteLock as never,
    { client, name: 'x' },
    [...invalidLockOptions, ...invalidClientOptions, ...unknownOptions, ['name', undefined]],
  ],
  [
    'createRedlock',
    createRedlock as never,
    { clients: [newClient(), newClient(), newClient()] },
    [
      ...invalidLockOptions.filter(([option]) => option !== 'fair'),
      ...invalidClientOptions.filter(([option]) => option === 'prefix'),
      ...unknownOptions,
      ['fair', true],
      ['clients', undefined],
      ['clients', []],
      ['clients', [newClient()]],
      ['clients', [newClient(), newClient()]],
      ['clients', Array.from({ length: 4 }, newClient)],
      ['clients', [client, client, newClient()]],
    ],
  ],
  [
    'createStampedeGuard',
    createStampedeGuard as never,
    { client, locks, ttl: '1h' },
    [
      ...invalidClientOptions.filter(([option]) => option === 'client'),
      ['locks', undefined],
      ['locks', {}],
      ['ttl', 0],
      ['ttl', undefined],
      ['jitter', 2],
      ['wait', 0],
      ['codec', {}],
      ['schema', {}],
      ['lock', locks],
    ],
  ],
])('%s', (_, create, validOptions, invalidOptions) => {
  it.each(invalidOptions)('rejects an invalid %s (%j) and names it', (option, value) => {
    const make = (): unknown => create({ ...validOptions, [option]: value })
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(`"${option}"`)
  })

  it('accepts valid options, and requires options', () => {
    expect(create(validOptions)).toBeTypeOf('object')
    expect(() => create(undefined as never)).toThrow(InvalidOptionError)
  })
})

describe('a call', () => {
  const calls: readonly [string, (name: string, options: AcquireOptions) => Promise<unknown>][] = [
    ['acquire', (name, options) => locks.acquire(name, options)],
    ['tryAcquire', (name, options) => locks.tryAcquire(name, options)],
    ['withLock', (name, options) => locks.withLock(name, () => undefined, options)],
    ['acquireAll', (name, options) => locks.acquireAll([name], options)],
  ]

  it.each(calls)(
    'of %s rejects invalid options and names without sending anything',
    async (_, call) => {
      for (const [option, value] of [
        ...invalidLockOptions,
        ...unknownOptions,
        ['signal', {}] as const,
      ]) {
        await expect(call('x', { [option]: value } as AcquireOptions)).rejects.toThrow(
          `"${option}"`,
        )
      }
      for (const name of ['', 'a\nb', '\ud800', 'x'.repeat(10_000), NaN, {}, undefined]) {
        await expect(call(name as string, {})).rejects.toBeInstanceOf(InvalidKeyError)
      }
    },
  )

  it('of createRedlock names the value that is not a client', () => {
    const make = (): unknown =>
      createRedlock({ clients: [newClient(), 'redis://localhost' as never, newClient()] })
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow('"clients.1"')
  })

  it('of acquireAll needs names, and one of withLock needs work', async () => {
    await expect(locks.acquireAll([])).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(locks.acquireAll('x' as never)).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(locks.withLock('x', undefined as never)).rejects.toBeInstanceOf(InvalidOptionError)
  })

  it('of createSemaphore or createReadWriteLock rejects an invalid name', () => {
    expect(() => createSemaphore({ client, name: '', permits: 1 })).toThrow(InvalidKeyError)
    expect(() => createReadWriteLock({ client, name: 'a\0' })).toThrow(InvalidKeyError)
  })
})
