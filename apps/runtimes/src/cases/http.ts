import assert from 'node:assert/strict'
import { createHttpCache, createIdempotency } from '@cache/http'
import type { Case } from '../stage.js'

const PAGE = 'https://shop.test/products/42'

export const http = {
  'http: one rendering of a cold page in two processes, a purge by tag is visible at once': async (
    stage,
  ) => {
    let price = 10
    let renderings = 0
    const processes = [1, 2].map(() => {
      const cache = createHttpCache({ client: stage.client(), prefix: 'pages' })
      const handler = cache.wrap(async () => {
        renderings++
        return new Response(`${price}${'·'.repeat(100_000)}`, {
          headers: {
            'content-type': 'text/plain; charset=utf-8',
            'cache-control': 'max-age=3600',
            'cache-tag': 'product:42',
          },
        })
      })
      return { cache, handler }
    })
    const read = async (index: number): Promise<number> => {
      const response = await processes[index % 2]!.handler(new Request(PAGE))
      assert.equal(response.headers.get('content-type'), 'text/plain; charset=utf-8')
      const page = await response.text()
      assert.equal(page.length, 100_002)
      return Number.parseInt(page)
    }
    const pages = await Promise.all(Array.from({ length: 20 }, (_, index) => read(index)))
    assert.deepEqual(pages, Array(20).fill(10))
    assert.equal(renderings, 1)
    price = 11
    assert.equal(await read(1), 10)
    await processes[0]!.cache.purgeTags('product:42')
    assert.equal(await read(1), 11)
    assert.equal(renderings, 2)

    const etag = (await processes[0]!.handler(new Request(PAGE))).headers.get('etag')!
    const conditional = new Request(PAGE, { headers: { 'if-none-match': etag } })
    const unchanged = await processes[1]!.handler(conditional)
    assert.equal(unchanged.status, 304)
  },

  'http: a request that is repeated with its idempotency key runs once': async (stage) => {
    let charges = 0
    const [mine, yours] = [1, 2].map(() =>
      createIdempotency({ client: stage.client(), prefix: 'payments', scope: () => '' }).wrap(
        async (request) => {
          charges++
          return Response.json({ charge: charges, paid: await request.json() }, { status: 201 })
        },
      ),
    )
    const pay = (handler: typeof mine, amount: number): Promise<Response> =>
      handler!(
        new Request(PAGE, {
          method: 'POST',
          body: JSON.stringify({ amount }),
          headers: { 'idempotency-key': 'b7e1', 'content-type': 'application/json' },
        }),
      )
    for (const handler of [mine, yours, mine]) {
      const response = await pay(handler, 5)
      assert.equal(response.status, 201)
      assert.deepEqual(await response.json(), { charge: 1, paid: { amount: 5 } })
    }
    assert.equal((await pay(yours, 6)).status, 422)
    assert.equal(charges, 1)
  },
} satisfies Record<string, Case>
