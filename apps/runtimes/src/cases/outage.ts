import assert from 'node:assert/strict'
import { createAside } from '@cache/aside'
import { createLocks } from '@cache/lock'
import { createRateLimiter, fixedWindow } from '@cache/ratelimit'
import { eventually } from '../eventually.js'
import { impatient, type Case } from '../stage.js'

export const outage = {
  // Each answer comes while the server is silent: without a deadline, there would be none.
  'outage: every call is answered while the server is paused, and works again after it': async (
    stage,
  ) => {
    const client = stage.client(stage.driver(1), impatient)
    const rows = createAside<string>({ client, prefix: 'outage', ttl: '1h' })
    const locks = createLocks({ client })
    const limiter = createRateLimiter({
      client,
      prefix: 'outage-limit',
      limits: [fixedWindow({ limit: 1, window: '1d' })],
      onOutage: 'deny',
    })
    assert.equal(await rows.getOrLoad(1, async () => 'cached'), 'cached')
    stage.pause()
    assert.equal(await rows.getOrLoad(1, async () => 'source'), 'source')
    await assert.rejects(rows.invalidate(1))
    await assert.rejects(locks.acquire('job', { wait: 500 }))
    const decision = await limiter.consume('user')
    assert.deepEqual([decision.allowed, decision.degraded], [false, true])
    assert.equal((await client.health()).reachable, false)
    stage.resume()
    await eventually(async () => (await client.health()).reachable)
    await eventually(() =>
      rows.invalidate(1).then(
        () => true,
        () => false,
      ),
    )
    assert.equal(await rows.getOrLoad(1, async () => 'new'), 'new')
    await locks.withLock('job', async (lock) => lock.assertHeld(), { wait: '20s' })
  },
} satisfies Record<string, Case>
