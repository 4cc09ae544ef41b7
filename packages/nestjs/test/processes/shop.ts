import { childProcess } from '@cache/testkit'
import { Cached, Mutates, useCacheClient } from '../../src/decorators/index.js'
import { cacheClient, type Library } from '../clients.js'

/** A process of a shop whose rows are in its parent. */
export interface Start {
  readonly url: string
  readonly library: Library
}

export type Order =
  | { readonly do: 'read'; readonly id: number; readonly value: number; readonly takes: number }
  | { readonly do: 'write'; readonly id: number; readonly hangs?: boolean }

const child = childProcess<Start>()
const { client } = cacheClient(child.data.library, child.data.url)

class Products {
  loads = 0
  order = { value: 0, takes: 0 }

  @Cached({ prefix: 'product', key: (id: number) => id, tags: ['all'], ttl: '1h', waitFor: '20s' })
  async find(_id: number) {
    this.loads++
    const { value, takes } = this.order
    await new Promise((resolve) => setTimeout(resolve, takes))
    return value
  }

  @Mutates({ prefix: 'product', key: (id: number) => id, tags: ['all'], intentTtl: '2s' })
  async write(_id: number, hangs = false) {
    if (!hangs) return
    await child.say({ type: 'has written' })
    await new Promise(() => undefined)
  }
}

const products = useCacheClient(new Products(), client)
await client.health()
await child.say({ type: 'ready' })
for (;;) {
  const order = await child.next<Order>()
  if (order.do === 'write') {
    await products.write(order.id, order.hangs)
    await child.say({ type: 'written' })
    continue
  }
  Object.assign(products, { loads: 0, order })
  const values = await Promise.all(Array.from({ length: 50 }, () => products.find(order.id)))
  await child.say({ type: 'read', loads: products.loads, values: [...new Set(values)] })
}
