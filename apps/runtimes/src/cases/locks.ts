import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { LockLostError, createLocks, createSemaphore } from '@cache/lock'
import { impatient, type Case } from '../stage.js'

/** Counts how many are inside at once. */
function room(): { enter(): Promise<void>; most: number } {
  let inside = 0
  const state = {
    most: 0,
    async enter() {
      state.most = Math.max(state.most, ++inside)
      await sleep(1)
      inside--
    },
  }
  return state
}

export const locks = {
  'lock: one holder at a time, with growing fences': async (stage) => {
    const processes = [1, 2].map(() => createLocks({ client: stage.client() }))
    const inside = room()
    const fences: number[] = []
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        processes[i % 2]!.withLock(
          'job',
          async (lock) => {
            fences.push(lock.fence)
            await inside.enter()
          },
          { wait: '20s' },
        ),
      ),
    )
    assert.equal(inside.most, 1)
    assert.equal(fences.length, 20)
    assert.ok(fences.every((fence, i) => i === 0 || fence > fences[i - 1]!))
  },

  'lock: a holder learns that it lost its lock, and the next has a higher fence': async (stage) => {
    const mine = createLocks({ client: stage.client(stage.driver(1), impatient) })
    const yours = createLocks({ client: stage.client(stage.driver(1), impatient) })
    const lock = await mine.acquire('lost', { ttl: '1s' })
    stage.pause()
    const aborted = once(lock.signal, 'abort')
    await aborted
    assert.ok(lock.signal.reason instanceof LockLostError)
    assert.throws(() => lock.assertHeld(), LockLostError)
    stage.resume()
    const next = await yours.acquire('lost', { wait: '20s' })
    assert.ok(next.fence > lock.fence)
    await next.release()
  },

  'semaphore: no more holders than permits': async (stage) => {
    const processes = [1, 2].map(() =>
      createSemaphore({ client: stage.client(), name: 'semaphore', permits: 3 }),
    )
    const inside = room()
    await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        processes[i % 2]!.withPermit(() => inside.enter(), { wait: '20s' }),
      ),
    )
    assert.ok(inside.most > 0 && inside.most <= 3, `${inside.most} inside`)
  },
} satisfies Record<string, Case>
