import { setTimeout as sleep } from 'node:timers/promises'
import { LoadTimeoutError } from '@cache/core'
import { startRedis, type RedisServer } from '@cache/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { Setup, connect, clientKinds } from './setup.js'

describe.each(clientKinds)('an update that loads the current value, on %s', (kind) => {
  let redis: RedisServer
  beforeAll(async () => void (redis = await startRedis()))
  afterAll(() => redis.stop())
  beforeEach(() => redis.flush())

  it('keeps its lease while its load takes longer than leaseTtl', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    let loads = 0
    const rows = setup.counters({
      leaseTtl: 600,
      load: async () => {
        loads++
        await sleep(1_500)
        return { name: 'counter', age: 1 }
      },
    })
    expect(await rows.update('1', 2, { signal: AbortSignal.timeout(20_000) })).toMatchObject({
      age: 3,
    })
    expect(loads).toBe(1)
    await rows.close()
  })

  it('delays no other update beyond its signal or loadTimeout.hard if it hangs', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    let loads = 0
    const load = () => (++loads === 1 ? new Promise(() => undefined) : setup.table.load('1'))
    const rows = setup.counters({ load, loadTimeout: { hard: 1_500 } })
    let isSettled = false
    const hanging = rows
      .update('1', 1)
      .catch((error: unknown) => error)
      .finally(() => {
        isSettled = true
      })
    await vi.waitFor(() => expect(loads).toBe(1), 5_000)
    const stop = new AbortController()
    const second = rows.update('1', 10, { signal: stop.signal })
    const third = rows.update('1', 100)
    stop.abort(new Error('enough'))
    await expect(second).rejects.toThrow('enough')
    expect(isSettled).toBe(false)
    expect(await hanging).toBeInstanceOf(LoadTimeoutError)
    expect(await third).toMatchObject({ age: 100 })
    expect((await rows.pending()).writes).toBe(1)
    await rows.close()
  })

  it('does not keep readers from caching the row beyond leaseTtl if it hangs', async () => {
    await using client = connect(kind, redis.url)
    await using other = connect(kind, redis.url)
    await using setup = new Setup(client)
    await using otherSetup = new Setup(other)
    let isLoading = false
    const stop = new AbortController()
    const load = () => {
      isLoading = true
      return new Promise(() => undefined)
    }
    const rows = setup.counters({ leaseTtl: 600, load })
    const hanging = rows.update('1', 1, { signal: stop.signal })
    await vi.waitFor(() => expect(isLoading).toBe(true), 5_000)
    otherSetup.table.rows.set('1', { value: { name: 'of the database' }, sequence: 1 })
    const reader = otherSetup.rows({ leaseTtl: 600, waitFor: '1m' })
    for (let i = 0; i < 2; i++) expect(await reader.get('1')).toEqual({ name: 'of the database' })
    expect(otherSetup.table.loads).toBe(1)
    stop.abort(new Error('enough'))
    await expect(hanging).rejects.toThrow('enough')
    for (const queue of [rows, reader]) await queue.close()
  })

  it('aborts a load that hangs when its own signal aborts', async () => {
    await using client = connect(kind, redis.url)
    await using setup = new Setup(client)
    const stop = new AbortController()
    let abortReason: unknown
    const rows = setup.counters({
      load: (_: string, { signal }: { signal: AbortSignal }) => {
        signal.addEventListener('abort', () => {
          abortReason = signal.reason
        })
        stop.abort(new Error('enough'))
        return new Promise(() => undefined)
      },
    })
    await expect(rows.update('1', 1, { signal: stop.signal })).rejects.toThrow('enough')
    expect(String(abortReason)).toContain('enough')
    await rows.close()
  })
})
