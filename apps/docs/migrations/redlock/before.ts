import { Redis } from 'ioredis'
import Redlock from 'redlock'
import type { InvoiceRun, Invoices } from './invoices.js'

/** A cron job of every server: one of them sends the invoices. */
export function createInvoiceRun(
  redisUrl: string,
  invoices: Invoices,
  { duration = 10_000 } = {},
): InvoiceRun {
  const redis = new Redis(redisUrl)
  redis.on('error', console.warn)
  const redlock = new Redlock([redis], {
    retryCount: 0,
    automaticExtensionThreshold: duration / 2,
  })

  return {
    async run() {
      try {
        return await redlock.using(['invoice-run'], duration, async (signal) => {
          const ids = await invoices.unsent()
          for (const id of ids) {
            if (signal.aborted) throw signal.error
            await invoices.send(id, { signal })
          }
          return ids.length
        })
      } catch (error) {
        if (error instanceof Error && error.name === 'ExecutionError') return 'busy'
        throw error
      }
    },
    close: async () => redis.disconnect(),
  }
}
