import { afterEach, describe, expect, it, vi } from 'vitest'
import type { HeldLock } from '../src/manager/held-lock.js'
import { Renewals } from '../src/manager/renewals.js'

afterEach(() => void vi.useRealTimers())

describe('a lock that was handed over', () => {
  it.each([30, 1_000])('is renewed before it ends, with %s ms left', async (left) => {
    vi.useFakeTimers()
    const endsAt = performance.now() + left
    let remaining = 0
    const lock = {
      ttl: 10_000,
      renewable: true,
      get remaining() {
        return endsAt - performance.now()
      },
      renew: () => {
        remaining = lock.remaining
        return Promise.resolve()
      },
    }
    const stop = new Renewals().addHandedOver(lock as unknown as HeldLock, false)
    await vi.advanceTimersByTimeAsync(100)
    expect(remaining).toBeGreaterThan(left / 2)
    stop()
  })
})
