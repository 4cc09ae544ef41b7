import { inspect } from 'node:util'
import { compressed, json } from '@cache/core'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createAside } from '../src/index.js'
import { onEach } from './cases.js'

const RUNS = process.env.CHAOS ? 2_000 : 50

const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(undefined, null, NaN, Infinity, -0, /a+/gi, new URL('https://example.com/')),
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.bigInt(),
    fc.date(),
    fc.uint8Array().map((each) => Buffer.from(each)),
    fc.float64Array(),
    fc.string().map((message) => Object.assign(new TypeError(message), { code: 'E' })),
    fc.array(tie('value')),
    fc.dictionary(fc.string(), tie('value'), { noNullPrototype: true }),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((entries) => new Map(entries)),
    fc.array(tie('value')).map((members) => new Set(members)),
  ),
})).value

/** Shows all of a value: holes, -0, classes and hidden properties. */
const textOf = (one: unknown): string =>
  inspect(one, { depth: null, maxArrayLength: null, maxStringLength: null, showHidden: true })

onEach((bench) => {
  it.each([
    ['json', json],
    ['compressed', compressed(json, { threshold: 1 })],
  ])('another process reads any value as it was loaded: %s', async (_, codec) => {
    const options = { prefix: 'any', ttl: '1h', negativeTtl: '1h', codec } as const
    const writer = createAside<unknown, number>({ client: bench.newClient(), ...options })
    const reader = createAside<unknown, number>({ client: bench.newClient(), ...options })
    let id = 0
    await fc.assert(
      fc.asyncProperty(value, async (one) => {
        id++
        expect(await writer.getOrLoad(id, () => one)).toBe(one)
        const read = await reader.getOrLoad(id, () => {
          throw new Error('It was to be found in Redis.')
        })
        expect(textOf(read)).toBe(textOf(one))
      }),
      { numRuns: RUNS },
    )
  })

  it('a value that cannot be kept is refused by its path, and nothing is stored', async () => {
    class Customer {}
    const cache = createAside<unknown>({ client: bench.newClient(), prefix: 'any', ttl: '1h' })
    await expect(cache.set('x', { order: { customer: new Customer() } })).rejects.toThrow(
      'order.customer is an instance of Customer',
    )
    expect(await cache.peek('x')).toBeUndefined()
  })
})
