import assert from 'node:assert/strict'
import { json } from '@cache/core'
import {
  createIncrementalCacheHandler,
  createRevalidator,
  createUseCacheHandler,
  type NextCacheOptions,
} from '@cache/nextjs'
import { hasV8 } from '../has-v8.js'
import type { Case, Stage } from '../stage.js'

const optionsOf = (stage: Stage): NextCacheOptions => ({
  client: stage.client(),
  deploymentId: 'build',
  ...(!hasV8 && { codec: json }),
})

const HOUR = 3_600

export const nextjs = {
  "nextjs: instances share the entries of 'use cache', and a tag that is updated": async (
    stage,
  ) => {
    const [mine, yours] = [1, 2].map(() => createUseCacheHandler(optionsOf(stage)))
    const set = (text: string): Promise<void> =>
      mine!.set(
        'price',
        Promise.resolve({
          value: new Response(text).body!,
          tags: ['prices'],
          timestamp: performance.timeOrigin + performance.now(),
          stale: 30,
          revalidate: HOUR,
          expire: 2 * HOUR,
        }),
      )
    const read = async (): Promise<string | undefined> => {
      const entry = await yours!.get('price', ['_N_T_/'])
      return entry && new Response(entry.value).text()
    }
    assert.equal(await mine!.get('price', ['_N_T_/']), undefined)
    await set('10')
    assert.equal(await read(), '10')
    await mine!.updateTags(['prices'])
    assert.equal(await read(), undefined)
    await mine!.get('price', ['_N_T_/'])
    await set('11')
    assert.equal(await read(), '11')
  },

  'nextjs: a page is the same on each instance until its tag is revalidated': async (stage) => {
    const [Mine, Yours] = [1, 2].map(() => createIncrementalCacheHandler(optionsOf(stage)))
    const page = {
      kind: 'APP_PAGE',
      html: '<p>10</p>',
      rscData: Buffer.from([0, 255]),
      headers: { 'x-next-cache-tags': 'prices' },
      status: 200,
      segmentData: new Map([['/_tree', Buffer.from([255, 254])]]),
    }
    const read = async (): Promise<unknown> =>
      (await new Yours!().get('/product', { kind: 'APP_PAGE' }))?.value
    const request = new Mine!()
    assert.equal(await request.get('/product', { kind: 'APP_PAGE' }), null)
    await request.set('/product', page, { cacheControl: { revalidate: HOUR, expire: 2 * HOUR } })
    assert.deepEqual(await read(), page)
    await createRevalidator({ client: stage.client() }).revalidateTag('prices')
    assert.equal(await read(), undefined)
  },
} satisfies Record<string, Case>
