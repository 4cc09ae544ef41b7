import { channels } from '@cache/core'
import { hostileValues, plantValue, type HostileValue } from '@cache/testkit'
import { expect, it } from 'vitest'
import {
  concurrency,
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
} from '../src/index.js'
import { onEveryServer } from './matrix.js'

const huge = '9'.repeat(400)
const inOneMinute = Date.now() * 1_000 + 60_000_000
/** A version byte, whole numbers in 7 bytes each, and a text: how limits are stored as strings. */
function packed(version: number, numbers: readonly number[], text = ''): Buffer {
  const bytes = numbers.map((number) => Buffer.from(number.toString(16).padStart(14, '0'), 'hex'))
  return Buffer.concat([Buffer.of(version), ...bytes, Buffer.from(text)])
}
const most = 2 ** 56 - 2 ** 4
/** Values that look like a state but are not valid, and states in a format that was used before. */
const nearlyValid: readonly (readonly [string, string | Buffer])[] = [
  ['a packed window in the far future', packed(1, [most, 0, most, 1], ';,x=1+1')],
  ['a packed window of another version', packed(2, [1, 0, inOneMinute, 2], ';')],
  ['a packed window without attempts', packed(1, [1, 0, inOneMinute, 2])],
  ['a packed counter that is used up', packed(1, [1, 0, 1, most, most], '| | |;,=+')],
  ['a packed bucket in the far future', packed(1, [1, 0, most, 0, 1, 1, 1, 1, 0, 1, 1, 0, 0])],
  [
    'a packed bucket of another version',
    packed(2, [1, 0, inOneMinute, 0, 1, 9, 1, 1, 0, 1, 1, 0, 0]),
  ],
  ['half of a packed bucket', packed(1, [1, 0, inOneMinute, 0, 1, 9, 1])],
  ['a window', `1 ${huge} 1 1;`],
  ['a window in the far future', `${huge} 0 ${huge} 1;,x=1+1`],
  ['a window that is used up', `1 0 1 ${huge};`],
  ['a counter', `1 0 1 ${huge} ${huge}| | |;,=+`],
  ['a bucket', `1 0 ${huge} 0 1 1 1|1 0 1 1 0|0`],
  ['a bucket with a rate of 0', `1 0 ${inOneMinute} 0 1 0 0|1 0 0 1 0|0`],
  ['a bucket with too many attempts', `1 0 9000 0 1 1 1|1 0 1 1 0|${huge},x`],
  ['a bucket with invalid attempts', `1 0 ${inOneMinute} 0 1 1 1|1 0 1 1 0|70,x@y=z`],
  [
    'a packed bucket with a rate of 0 and invalid attempts',
    packed(1, [1, 0, 9, 9, 1, 0, 0, 9, 9, 0, 9, 9, 70], ',x@y=z,x@1=1*0/0'),
  ],
  ['a bucket with attempts of no rate', `1 0 ${inOneMinute} 0 1 1 1|1 0 1 1 0|17,x@1=1*0/0`],
]
const values: readonly HostileValue[] = [
  ...hostileValues(['used', 'newest', 'written']),
  ...nearlyValid.map(([name, text]): HostileValue => ({
    name,
    type: 'string',
    plant: (key) => [['SET', key, text]],
  })),
]
const policies = [
  fixedWindow({ name: 'l', limit: 2, window: '1h' }),
  slidingCounter({ name: 'l', limit: 2, window: '1h' }),
  slidingWindow({ name: 'l', limit: 2, window: '1h' }),
  tokenBucket({ name: 'l', capacity: 2, refill: 2, interval: '1h' }),
  gcra({ name: 'l', limit: 2, window: '1h', burst: 2 }),
  concurrency({ name: 'l', limit: 2, ttl: '1h' }),
]

onEveryServer(({ newClient, keys }) => {
  it.each(policies.map((limit) => [limit.policy, limit] as const))(
    'deletes values that are not a state of %s, and limits from then on',
    async (policy, limit) => {
      const client = newClient()
      const limiter = createRateLimiter({
        client,
        prefix: 'p',
        limits: [limit],
        deadline: '10s',
        onOutage: 'deny',
        denyCache: false,
      })
      const warm = await limiter.consume('warm')
      const [key] = (await keys()).filter(
        (name) => name.includes(':l:') && !name.includes('released'),
      )
      await limiter.refund(warm.receipt!)
      await warm.release()
      const errors: unknown[] = []
      const onError = (message: unknown): unknown => errors.push(message)
      channels.error.subscribe(onError)
      for (const [i, value] of values.entries()) {
        const stateKey = key!.replaceAll('warm', `id${i}`)
        await plantValue(client, stateKey, value)
        errors.length = 0
        const peeked = await limiter.peek(`id${i}`)
        expect(peeked.degraded, value.name).toBe(false)
        const decisions = [
          await limiter.consume(`id${i}`),
          await limiter.consume(`id${i}`),
          await limiter.consume(`id${i}`),
          await limiter.consume(`id${i}`),
        ]
        for (const decision of decisions)
          expect(decision, value.name).toMatchObject({
            degraded: false,
            retryAfter: expect.any(Number) as number,
          })
        expect(decisions.filter(({ allowed }) => allowed).length, value.name).toBeLessThanOrEqual(2)
        if (policy !== 'concurrency') expect(decisions[0]!.allowed, value.name).toBe(true)
        if (value.type !== 'string' && value.type !== 'zset')
          expect(errors, value.name).toContainEqual(
            expect.objectContaining({
              key: stateKey,
              error: expect.objectContaining({ code: 'FOREIGN_VALUE' }) as unknown,
            }),
          )
        for (const decision of decisions) {
          if (decision.receipt) await limiter.refund(decision.receipt)
          await decision.release()
        }
        await client.send({ args: ['DEL', stateKey], keys: [stateKey] })
      }
      channels.error.unsubscribe(onError)
    },
  )
})
