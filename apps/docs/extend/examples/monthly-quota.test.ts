import { createCacheClient } from '@cache/core'
import { memoryDriver } from '@cache/memory'
import { describe, expect, it } from 'vitest'
import { createMonthlyQuota } from './monthly-quota.js'

describe('createMonthlyQuota', () => {
  it('allows the limit in each calendar month, and says when the next begins', async () => {
    const driver = memoryDriver()
    const client = createCacheClient(driver)
    let time = new Date('2026-01-31T23:59:59.000Z')
    const quota = createMonthlyQuota({ client, prefix: 'quota', limit: 3, now: () => time })

    const first = await quota.consume('u', 2)
    expect(first.allowed).toBe(true)
    expect((await quota.consume('u')).allowed).toBe(true)
    expect(await quota.consume('u')).toMatchObject({ allowed: false, retryAfter: 1_000 })
    expect((await quota.consume('other')).allowed).toBe(true)

    expect(await quota.refund(first)).toBe(true)
    expect((await quota.consume('u', 2)).allowed).toBe(true)

    time = new Date('2026-02-01T00:00:00.000Z')
    expect((await quota.consume('u', 3)).allowed).toBe(true)
    expect((await quota.consume('u')).retryAfter).toBe(28 * 86_400_000)
    await client.close()
  })

  it('keeps what was consumed until the month is over', async () => {
    const driver = memoryDriver()
    const client = createCacheClient(driver)
    const quota = createMonthlyQuota({
      client,
      prefix: 'quota',
      limit: 1,
      now: () => new Date('2026-01-01T00:00:00Z'),
    })
    await quota.consume('u')
    driver.setClock(31 * 86_400_000 - 1)
    expect((await quota.consume('u')).allowed).toBe(false)
    await client.close()
  })
})
