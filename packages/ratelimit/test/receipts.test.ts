import { randomBytes } from 'node:crypto'
import { InvalidOptionError } from '@cache/core'
import { everythingShown } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import {
  createRateLimiter,
  fixedWindow,
  gcra,
  slidingCounter,
  slidingWindow,
  tokenBucket,
  type Limit,
  type RateLimiterOptions,
  type Receipt,
} from '../src/index.js'
import { onEveryServer } from './matrix.js'

const policies: Record<string, Limit> = {
  slidingWindow: slidingWindow({ name: 'a', limit: 5, window: '1h' }),
  slidingCounter: slidingCounter({ name: 'a', limit: 5, window: '1h' }),
  fixedWindow: fixedWindow({ name: 'a', limit: 5, window: '1h' }),
  tokenBucket: tokenBucket({ name: 'a', capacity: 5, refill: 5, interval: '1h' }),
  gcra: gcra({ name: 'a', limit: 5, window: '1h' }),
}
const [oldSecret, newSecret] = [randomBytes(32), 'a string of more than thirty-two bytes']

onEveryServer(({ newClient }) => {
  const make = (limits: readonly Limit[], options: Partial<RateLimiterOptions> = {}) =>
    createRateLimiter({
      client: newClient(),
      prefix: 'receipts',
      limits,
      deadline: '10s',
      onOutage: 'deny',
      ...options,
    })
  const throughJson = (receipt: Receipt | undefined): Receipt =>
    JSON.parse(JSON.stringify(receipt)) as Receipt

  describe.each(Object.keys(policies))('%s', (name) => {
    const limits = [policies[name]!]

    it('rejects a changed receipt that was signed, and admits no more than the limit', async () => {
      const limiter = make(limits, { receiptSecrets: [newSecret] })
      const receipt = throughJson((await limiter.consume('mallory')).receipt)
      const changes: readonly object[] = [
        { charged: 5 },
        { token: 'another' },
        { at: receipt.at + 1 },
        { marks: [receipt.marks[0]! + 1] },
        { key: receipt.key.replace('mallory', 'victim') },
        { signature: undefined },
        { signature: '' },
        { signature: 'A'.repeat(43) },
        { signature: 5 },
        { signature: `${receipt.signature!.slice(0, -3)}AAA` },
      ]
      let allowed = 1
      for (let i = 0; i < 20; i++) {
        if ((await limiter.consume('mallory')).allowed) allowed++
        for (const change of changes)
          await expect(limiter.refund({ ...receipt, ...change } as Receipt)).rejects.toThrow(
            InvalidOptionError,
          )
      }
      expect(allowed).toBe(5)
      expect([await limiter.refund(receipt), await limiter.refund(receipt)]).toEqual([true, false])
    })
  })

  it('refunds a signed receipt in another process, also while the secret is rotated', async () => {
    const limits = [policies['gcra']!]
    const [before, during, after, unsigned] = [
      [oldSecret],
      [newSecret, oldSecret],
      [newSecret],
      undefined,
    ].map((receiptSecrets) => make(limits, { ...(receiptSecrets && { receiptSecrets }) }))
    const signed = throughJson((await before!.consume('u')).receipt)
    await expect(after!.refund(signed)).rejects.toThrow('"receipt" must be unchanged, and signed')
    expect(await during!.refund(signed)).toBe(true)
    expect(await after!.refund(throughJson((await during!.consume('u')).receipt))).toBe(true)
    await expect(after!.refund((await unsigned!.consume('u')).receipt!)).rejects.toThrow(
      InvalidOptionError,
    )
    expect(await after!.refund(await after!.consume('u'))).toBe(true)
  })

  it('rejects the signed receipt of another limiter', async () => {
    const receiptSecrets = [newSecret]
    const { receipt } = await make([policies['gcra']!], { receiptSecrets }).consume('u')
    for (const other of [
      make([policies['tokenBucket']!], { receiptSecrets }),
      make([gcra({ name: 'b', limit: 5, window: '1h' })], { receiptSecrets }),
      make([policies['gcra']!], { prefix: 'other', receiptSecrets }),
    ]) {
      await expect(other.refund(receipt!)).rejects.toThrow(InvalidOptionError)
    }
  })

  it('signs the receipts of prefetched tokens', async () => {
    const limiter = make([policies['slidingWindow']!], {
      prefetch: { tokens: 5, ttl: '10s' },
      receiptSecrets: [newSecret],
      denyCache: false,
    })
    const [first, second] = [
      (await limiter.consume('u')).receipt!,
      (await limiter.consume('u')).receipt!,
    ]
    await expect(limiter.refund({ ...first, token: second.token })).rejects.toThrow(
      InvalidOptionError,
    )
    expect([await limiter.refund(throughJson(first)), await limiter.refund(first)]).toEqual([
      true,
      false,
    ])
  })

  it('refunds only tokens that a receipt was created for, even without signatures', async () => {
    const limiter = make([policies['slidingWindow']!], {
      prefetch: { tokens: 5, ttl: '10s' },
      denyCache: false,
    })
    const receipt = (await limiter.consume('u')).receipt!
    await limiter.consume('u')
    const name = receipt.token.slice(0, -2)
    for (const token of [`${name}/0`, `${name}/01`, `${name}/1.0`, `${name}/3`, `${name}/`, name])
      expect(await limiter.refund({ ...receipt, token })).toBe(false)
    expect(await limiter.refund(receipt)).toBe(true)
  })

  it('checks every field of an unsigned receipt', async () => {
    const limiter = make([policies['gcra']!])
    const { receipt } = await limiter.consume('u')
    const invalid: readonly unknown[] = [
      { charged: -1_000 },
      { charged: 0 },
      { charged: 6 },
      { charged: 1.5 },
      { charged: '1' },
      { at: -1 },
      { at: NaN },
      { at: '1' },
      { marks: [] },
      { marks: [1, 2] },
      { marks: ['1'] },
      { marks: 'x' },
      { token: '' },
      { token: '*' },
      { token: 'a b' },
      { token: 'x'.repeat(101) },
      { token: 5 },
      { key: 5 },
      { key: '' },
      { key: 'shop:other:u' },
      { key: 'shop:receipts:' },
      { key: 'shop:receipts' },
      { key: 'evil\n{zz' },
      { key: 'shop:receipts:{u}' },
      { key: 'shop:receipts:u\n' },
      { key: 'shop:receipts:u%3a' },
      { key: 'shop:receipts:%75' },
      { key: `shop:receipts:${'x'.repeat(9_000)}` },
    ].map((change) => ({ ...receipt, ...change }))
    for (const value of [...invalid, null, 5, 'T0KEN', [], {}]) {
      const error: unknown = await limiter
        .refund(value as Receipt)
        .catch((failure: unknown) => failure)
      expect(error, JSON.stringify(value)).toBeInstanceOf(InvalidOptionError)
      expect(everythingShown(error)).not.toContain('T0KEN')
    }
    expect(await limiter.refund(receipt!)).toBe(true)
  })

  it.each(['42', 'a:b', 'é 😀', '%', '{tag}', 'a%3Ab'])(
    'accepts its own key of the id %j',
    async (id) => {
      const limiter = make([policies['gcra']!], { prefix: 'receipts:{x}' })
      expect(await limiter.refund((await limiter.consume(id)).receipt!)).toBe(true)
      expect(await limiter.refund((await limiter.consume([id, 7, 8n])).receipt!)).toBe(true)
    },
  )

  it.each<[unknown]>([
    ['x'.repeat(32)],
    [[]],
    [['T0KEN-short']],
    [[Buffer.alloc(31)]],
    [[5]],
    [[undefined]],
    [null],
  ])('throws for invalid secrets (%#) without showing them', (receiptSecrets) => {
    let thrown: unknown
    try {
      make([policies['gcra']!], { receiptSecrets: receiptSecrets as never })
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ option: 'receiptSecrets' })
    expect(everythingShown(thrown)).not.toContain('T0KEN')
  })
})
