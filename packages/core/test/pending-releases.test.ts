import { setTimeout as sleep } from 'node:timers/promises'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import { PendingReleases } from '../src/internal.js'

const LONG = 60_000

describe('pending releases', () => {
  it('repeats a release until it is acknowledged', async () => {
    const releases = new PendingReleases()
    let tries = 0
    releases.add({
      key: 'k',
      ttl: LONG,
      release: async () => {
        if (++tries < 4) throw new Error('no reply')
      },
    })
    expect(releases.size).toBe(1)
    await expect.poll(() => releases.size).toBe(0)
    expect(tries).toBe(4)
  })

  it('gives up when the ttl has passed', async () => {
    const releases = new PendingReleases()
    let tries = 0
    releases.add({
      key: 'k',
      ttl: 100,
      release: async () => {
        tries++
        throw new Error('no reply')
      },
    })
    await expect.poll(() => releases.size).toBe(0)
    const after = tries
    await sleep(200)
    expect(tries).toBe(after)
  })

  it('starts again for releases that are added when it is idle, in the same turn too', async () => {
    const releases = new PendingReleases()
    const released: number[] = []
    for (let i = 0; i < 3; i++) {
      await new Promise<void>((resolve) =>
        releases.add({
          key: 'k',
          ttl: LONG,
          release: async () => {
            released.push(i)
            resolve()
          },
        }),
      )
    }
    await expect.poll(() => releases.size).toBe(0)
    expect(released).toEqual([0, 1, 2])
  })

  it('is not delayed by a release that always fails', async () => {
    const releases = new PendingReleases()
    const released = new Set<number>()
    for (let i = 0; i < 500; i++)
      releases.add({
        key: `k${i}`,
        ttl: LONG,
        release: async () => {
          if (i % 2 === 0) throw new Error('no reply')
          released.add(i)
        },
      })
    await expect.poll(() => released.size).toBe(250)
    expect(releases.size).toBe(250)
    await releases.close()
    expect(releases.size).toBe(0)
  })

  it('is bounded, and reports what it drops', async () => {
    const dropped: string[] = []
    const listener = (message: unknown): void => {
      dropped.push((message as { key: string }).key)
    }
    subscribe('cache:error', listener)
    const releases = new PendingReleases()
    for (let i = 0; i < 10_002; i++)
      releases.add({
        key: `k${i}`,
        ttl: LONG,
        release: () => Promise.reject(new Error('no reply')),
      })
    expect(releases.size).toBe(10_000)
    unsubscribe('cache:error', listener)
    expect(dropped).toEqual(['k0', 'k1'])
    await releases.close()
  })
})
