import { InvalidOptionError, createCacheClient, type Driver } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { createAside, createReadThrough, type AsideOptions } from '../src/index.js'

const untouched = (): never => {
  throw new Error('nothing is to be sent')
}
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
const client = createCacheClient(driver)
const right: AsideOptions<unknown> = { client, prefix: 'product', ttl: '1h' }

const wrong: readonly [option: string, value: unknown][] = [
  ['client', undefined],
  ['client', {}],
  ['client', 'redis://localhost'],
  ['prefix', undefined],
  ['prefix', ''],
  ['prefix', 'a\nb'],
  ['prefix', '{'],
  ['prefix', 7],
  ['ttl', undefined],
  ['ttl', 0],
  ['ttl', -1],
  ['ttl', NaN],
  ['ttl', Infinity],
  ['ttl', 2 ** 60],
  ['ttl', '1 fortnight'],
  ['ttl', '5'],
  ['ttl', null],
  ['jitter', -0.1],
  ['jitter', 1.1],
  ['jitter', '10%'],
  ['codec', {}],
  ['codec', 'json'],
  ['schema', {}],
  ['maxValueBytes', 0],
  ['maxValueBytes', '8 apples'],
  ['negativeTtl', 0],
  ['errorTtl', 'soon'],
  ['retryOn', true],
  ['staleWhileRevalidate', -5],
  ['staleIfError', {}],
  ['earlyRefresh', 'yes'],
  ['earlyRefresh.beta', { beta: -1 }],
  ['earlyRefresh.share', { share: 2 }],
  ['stampede', 'lock'],
  ['waitFor', 0],
  ['leaseTtl', '0s'],
  ['loadTimeout', 5],
  ['loadTimeout.soft', { soft: 0 }],
  ['loadTimeout.hard', { hard: 'never' }],
  ['loadTimeout.soft', { soft: '2s', hard: '1s' }],
  ['intentTtl', 0],
  ['key', 'id'],
  ['version', 1],
]

describe('createAside', () => {
  it.each(wrong)('refuses a wrong %s (%j) at once, naming it', (option, value) => {
    const make = (): unknown =>
      createAside({ ...right, [option.split('.')[0]!]: value } as AsideOptions<unknown>)
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(`"${option}"`)
  })

  it('refuses an unknown option, because a misspelt one would be ignored silently', () => {
    expect(() =>
      createAside({ ...right, staleWhileRevalidated: '1m' } as AsideOptions<unknown>),
    ).toThrow('"staleWhileRevalidated"')
  })

  it('refuses to be called without options', () => {
    expect(() => createAside(undefined as never)).toThrow(InvalidOptionError)
  })
})

describe('createReadThrough', () => {
  it.each([
    ['load', undefined],
    ['load', 'x'],
    ['loadMany', 5],
    ['concurrency', 0],
    ['concurrency', 1.5],
    ['ttl', 0],
  ])('refuses a wrong %s (%j) at once, naming it', (option, value) => {
    const make = (): unknown =>
      createReadThrough({ ...right, load: () => 1, [option]: value } as never)
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(`"${option}"`)
  })
})

describe('a missing function', () => {
  const products = createAside<string>(right as AsideOptions<string>)
  const missing = undefined as never

  it.each<[method: string, argument: string, call: () => Promise<unknown>]>([
    ['getOrLoad', 'load', () => products.getOrLoad(42, missing)],
    ['getOrLoadMany', 'load', () => products.getOrLoadMany([42], missing)],
    ['mutate', 'change', () => products.mutate(42, missing)],
  ])('makes %s reject, naming "%s", before anything is sent', async (_, argument, call) => {
    await expect(call()).rejects.toThrow(InvalidOptionError)
    await expect(call()).rejects.toThrow(`Option "${argument}" must be a function that`)
  })
})
