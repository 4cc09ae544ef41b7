import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { createLocks } from '@cache/lock'
import { Redis } from 'ioredis'
import type { InvoiceRun, Invoices } from './invoices.js'

/** A cron job of every server: one of them sends the invoices. */
export function createInvoiceRun(
  redisUrl: string,
  invoices: Invoices,
  { duration = 10_000 } = {},
): InvoiceRun {
  const redis = new Redis(redisUrl)
  const client = createCacheClient(ioredisDriver(redis), { namespace: 'shop', logger: console })
  const locks = createLocks({ client, ttl: duration })

  return {
    async run() {
      await using lock = await locks.tryAcquire('invoice-run')
      if (lock === null) return 'busy'
      const ids = await invoices.unsent()
      for (const id of ids) {
        lock.assertHeld()
        await invoices.send(id, { signal: lock.signal, fence: lock.fence })
      }
      return ids.length
    },
    async close() {
      await client.close()
      redis.disconnect()
    },
  }
}
