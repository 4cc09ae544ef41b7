import assert from 'node:assert/strict'
import { createAside } from '@cache/aside'
import type { CacheClient } from '@cache/core'
import {
  createInvalidationBus,
  createTrackingBus,
  withNearCache,
  type InvalidationBus,
} from '@cache/pubsub-invalidation'
import { eventually } from '../eventually.js'
import type { Case, Stage } from '../stage.js'

async function followsChanges(
  stage: Stage,
  prefix: string,
  createBus: (client: CacheClient) => InvalidationBus,
): Promise<void> {
  const processes = await Promise.all(
    [1, 2].map(async () => {
      const client = stage.client()
      const bus = createBus(client)
      await bus.ready()
      const near = withNearCache(client, { bus })
      return { near, rows: createAside<number>({ client: near, prefix, ttl: '1h' }) }
    }),
  )
  let price = 10
  const [mine, yours] = processes as [(typeof processes)[0], (typeof processes)[0]]
  const read = (): Promise<number> => yours.rows.getOrLoad(1, async () => price)
  await eventually(async () => (await read()) === 10 && yours.near.near.stats().hits > 0)
  await mine.rows.mutate(1, async () => (price = 11))
  await eventually(async () => (await read()) === 11)
  const { hits } = yours.near.near.stats()
  await eventually(async () => (await read()) === 11 && yours.near.near.stats().hits > hits)
  assert.equal(yours.near.near.stats().answering, true)
}

export const near = {
  'near cache: follows the changes of another process by pub/sub': (stage) =>
    followsChanges(stage, 'near', (client) => createInvalidationBus({ client })),
  'near cache: follows the changes of another process by tracking': (stage) =>
    followsChanges(stage, 'tracked', (client) => createTrackingBus({ client })),
} satisfies Record<string, Case>
