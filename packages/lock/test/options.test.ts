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

const untouched = (): never => {
  throw new Error('nothing is to be sent')
}
const newClient = () => {
  const driver: Driver = {
    name: 'none',
    topology: 'standalone',
    send: untouched,
    group: untouched,
    dedicate: untouched,
    subscribe: untouched,
    nodes: untouched,
    close: async () => undefined,
  }
  return createCacheClient(driver)
}
const client = newClient()
const locks = createLocks({ client })

const wrongTerms: readonly [option: string, value: unknown][] = [
  ['ttl', 0],
  ['ttl', 9],
  ['ttl', -1],
  ['ttl', NaN],
  ['ttl', Infinity],
  ['ttl', '1 hour'],
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
const wrongPlace: readonly [option: string, value: unknown][] = [
  ['client', undefined],
  ['client', {}],
  ['client', 'redis://localhost'],
  ['prefix', ''],
  ['prefix', 'a\nb'],
  ['prefix', '{'],
  ['prefix', 7],
]
const misspelt: readonly [option: string, value: unknown][] = [
  ['tll', '5s'],
  ['signals', []],
]

describe.each<[string, (options: object) => unknown, object, readonly [string, unknown][]]>([
  ['createLocks', createLocks as never, { client }, [...wrongTerms, ...wrongPlace, ...misspelt]],
  [
    'createSemaphore',
    createSemaphore as never,
    { client, name: 'x', permits: 3 },
    [
      ...wrongTerms,
      ...wrongPlace,
      ...misspelt,
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
    [...wrongTerms, ...wrongPlace, ...misspelt, ['name', undefined]],
  ],
  [
    'createRedlock',
    createRedlock as never,
    { clients: [newClient(), newClient(), newClient()] },
    [
      ...wrongTerms.filter(([option]) => option !== 'fair'),
      ...wrongPlace.filter(([option]) => option === 'prefix'),
      ...misspelt,
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
      ...wrongPlace.filter(([option]) => option === 'client'),
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
])('%s', (_, create, right, wrong) => {
  it.each(wrong)('refuses a wrong %s (%j) at once, naming it', (option, value) => {
    const make = (): unknown => create({ ...right, [option]: value })
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(`"${option}"`)
  })

  it('takes what is right, and refuses to be called without options', () => {
    expect(create(right)).toBeTypeOf('object')
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

  it.each(calls)('of %s rejects with what is wrong, and sends nothing', async (_, call) => {
    for (const [option, value] of [...wrongTerms, ...misspelt, ['signal', {}] as const]) {
      await expect(call('x', { [option]: value } as AcquireOptions)).rejects.toThrow(`"${option}"`)
    }
    for (const name of ['', 'a\nb', '\ud800', 'x'.repeat(10_000), NaN, {}, undefined]) {
      await expect(call(name as string, {})).rejects.toBeInstanceOf(InvalidKeyError)
    }
  })

  it('of createRedlock names the client that is none', () => {
    const make = (): unknown =>
      createRedlock({ clients: [newClient(), 'redis://localhost' as never, newClient()] })
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow('"clients.1"')
  })

  it('of acquireAll or withLock needs names, and work', async () => {
    await expect(locks.acquireAll([])).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(locks.acquireAll('x' as never)).rejects.toBeInstanceOf(InvalidOptionError)
    await expect(locks.withLock('x', undefined as never)).rejects.toBeInstanceOf(InvalidOptionError)
  })

  it('refuses a name for a semaphore or a read-write lock that Redis would not take', () => {
    expect(() => createSemaphore({ client, name: '', permits: 1 })).toThrow(InvalidKeyError)
    expect(() => createReadWriteLock({ client, name: 'a\0' })).toThrow(InvalidKeyError)
  })
})
