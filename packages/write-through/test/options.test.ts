import { InvalidOptionError, createCacheClient, type Driver } from '@cache/core'
import { describe, expect, it } from 'vitest'
import { createWriteThrough } from '../src/index.js'

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
const right = {
  client: createCacheClient(driver),
  prefix: 'user',
  ttl: '1h',
  load: async (id: number) => ({ id }),
  store: async () => undefined,
}

const wrong: readonly [option: string, value: unknown][] = [
  ['client', undefined],
  ['client', {}],
  ['prefix', ''],
  ['prefix', undefined],
  ['ttl', 0],
  ['ttl', undefined],
  ['load', undefined],
  ['load', 'db'],
  ['store', undefined],
  ['store', {}],
  ['storeMany', []],
  ['remove', 'id'],
  ['merge', true],
  ['version', 'v'],
  ['key', 7],
  ['intentTtl', -1],
  ['intentTtl', '5 apples'],
  ['onOutage', 'ignore'],
  ['onOutage', true],
  ['loadMany', {}],
  ['concurrency', 0],
  ['codec', {}],
  ['strore', untouched],
]

describe('createWriteThrough', () => {
  it.each(wrong)('refuses a wrong %s (%j) at once, naming it', (option, value) => {
    const make = (): unknown => createWriteThrough({ ...right, [option]: value } as never)
    expect(make).toThrow(InvalidOptionError)
    expect(make).toThrow(`"${option}"`)
  })

  it.each([undefined, null, 'a', []])('refuses %j as options', (options) => {
    expect(() => createWriteThrough(options as never)).toThrow(InvalidOptionError)
  })
})
