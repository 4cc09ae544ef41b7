import { getEventListeners } from 'node:events'
import { startRedis } from '@cache/testkit'
import { describe, expect, it } from 'vitest'
import { createLocks, createReadWriteLock, createSemaphore } from '../src/index.js'
import { connect, driverNames, longTimeouts } from './drivers.js'

describe.each(driverNames)('signals on %s', (driver) => {
  it('may be shared by many calls, without a warning or a remaining listener', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error): void => void warnings.push(warning)
    process.on('warning', onWarning)
    await using server = await startRedis()
    await using connected = connect(driver, server.url, longTimeouts)
    const { client } = connected
    const locks = createLocks({ client })
    const semaphore = createSemaphore({ client, name: 'p', permits: 30 })
    const rw = createReadWriteLock({ client, name: 'rw' })
    const { signal } = new AbortController()
    const names = Array.from({ length: 30 }, (_, i) => `${i}`)
    const held = await Promise.all([
      ...names.map((name) => locks.acquire(name, { signal })),
      ...names.map(() => semaphore.acquire({ signal })),
      ...names.map(() => rw.read.acquire({ signal })),
      ...names.map((name) => locks.acquireAll([`{t}${name}`, `u${name}`, `v${name}`], { signal })),
    ])
    await Promise.all(held.map((lock) => lock.release()))
    const set = await locks.acquireAll(names, { signal })
    const sameSlot = await locks.acquireAll(
      names.map((name) => `{u}${name}`),
      { signal },
    )
    expect([set.signal.aborted, sameSlot.signal.aborted]).toEqual([false, false])
    expect(getEventListeners(signal, 'abort')).toEqual([])
    await Promise.all([set.release(), sameSlot.release()])
    await Promise.all([locks.close(), semaphore.close(), rw.close()])
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', onWarning)
    expect(warnings).toEqual([])
  })
})
