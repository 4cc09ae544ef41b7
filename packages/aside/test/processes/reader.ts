import { createCacheClient } from '@cache/core'
import { ioredisDriver } from '@cache/core/ioredis'
import { nodeRedisDriver } from '@cache/core/node-redis'
import { childProcess } from '@cache/testkit'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { createAside } from '@cache/aside'

/**
 * The start data of a process that reads. The process executes orders, holds its loads on request,
 * and reports the values that it read.
 */
export interface Start {
  readonly url: string
  readonly client: 'ioredis' | 'node-redis'
  readonly leaseTtl?: number
  readonly waitFor?: number
}

export type Order =
  | {
      readonly do: 'read'
      readonly id: string
      readonly callers: number
      readonly value: number
      readonly hold: boolean
      /** How long the loader takes, in ms. */
      readonly takes?: number
    }
  | { readonly do: 'release' }
  | { readonly do: 'mutate'; readonly id: string }
  | { readonly do: 'invalidate'; readonly id: string }

const child = childProcess<Start>()
const { url, client: kind, leaseTtl = 10_000, waitFor = 2_000 } = child.data
const driver =
  kind === 'ioredis' ? ioredisDriver(new Redis(url)) : nodeRedisDriver(createClient({ url }))
// A busy machine does not miss these deadlines.
const resilience = { readTimeout: '5s', writeTimeout: '5s' } as const
const values = createAside<number>({
  client: createCacheClient(driver, { namespace: 'p', resilience }),
  prefix: 'v',
  ttl: '1h',
  leaseTtl,
  waitFor,
})

let release: (() => void) | undefined

await values.peek('nothing') // It is connected now.
await child.say({ type: 'ready' })
for (;;) {
  const order = await child.next<Order>()
  if (order.do === 'read') void read(order)
  else if (order.do === 'release') release?.()
  else {
    await (order.do === 'mutate'
      ? values.mutate(order.id, () => undefined)
      : values.invalidate(order.id))
    await child.say({ type: 'done', id: order.id })
  }
}

async function read({
  id,
  callers,
  value,
  hold,
  takes = 0,
}: Extract<Order, { do: 'read' }>): Promise<void> {
  let loads = 0
  const load = async (): Promise<number> => {
    loads++
    if (hold) {
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      await child.say({ type: 'loading', id })
      await held
    }
    await new Promise((resolve) => setTimeout(resolve, takes))
    return value
  }
  const started = performance.now()
  const times: number[] = []
  const results = await Promise.all(
    Array.from({ length: callers }, async () => {
      const answer = await values.getOrLoad(id, load)
      times.push(performance.now() - started)
      return answer
    }),
  )
  await child.say({
    type: 'read',
    id,
    loads,
    values: [...new Set(results)],
    slowest: Math.max(...times),
  })
}
