import type { Duration } from '@cache/core'
import { childProcess } from '@cache/testkit'
import { createIdempotency } from '@cache/http'
import { Clients, type ClientName } from '../clients.js'

interface Start {
  readonly url: string
  readonly client: ClientName
  readonly prefix: string
  readonly claimTtl: Duration
}

// Begins a payment, and never ends it.
const child = childProcess<Start>()
const { url, client: name, prefix, claimTtl } = child.data
const client = new Clients().create(name, url)
const idempotency = createIdempotency({ client, prefix, scope: () => '', claimTtl })
const request = new Request('https://shop.test/payments', {
  method: 'POST',
  body: '{"amount":1}',
  headers: { 'content-type': 'application/json', 'idempotency-key': 'k' },
})
await idempotency.handle(request, async () => {
  await child.say({ type: 'running', from: child.index })
  return new Promise<Response>(() => undefined)
})
