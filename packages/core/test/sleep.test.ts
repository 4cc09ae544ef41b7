import { expect, it, vi } from 'vitest'
import { sleep, sleepUnlessAborted } from '../src/internal.js'

it('resolves when the time is up', async () => {
  const started = performance.now()
  await sleep(20)
  expect(performance.now() - started).toBeGreaterThanOrEqual(19)
})

it('sleeps for long if it is asked to sleep for longer than any timer of Node.js', async () => {
  const stop = new AbortController()
  const long = sleep(60 * 86_400_000, stop.signal).catch(() => 'stopped')
  expect(await Promise.race([long, sleep(50)])).toBeUndefined()
  stop.abort()
  expect(await long).toBe('stopped')
})

it('rejects with the reason of the signal, and leaves no timer and no listener', async () => {
  const stop = new AbortController()
  const added = vi.spyOn(stop.signal, 'addEventListener')
  const removed = vi.spyOn(stop.signal, 'removeEventListener')
  const clear = vi.spyOn(globalThis, 'clearTimeout')
  const slept = Promise.allSettled([sleep(60_000, stop.signal), sleep(60_000, stop.signal)])
  expect(added).toHaveBeenCalledTimes(1)
  const reason = new Error('stop')
  stop.abort(reason)
  expect(await slept).toEqual([
    { status: 'rejected', reason },
    { status: 'rejected', reason },
  ])
  expect(clear).toHaveBeenCalledTimes(2)
  await expect(sleep(60_000, stop.signal)).rejects.toBe(reason)
  const other = new AbortController()
  const otherRemoved = vi.spyOn(other.signal, 'removeEventListener')
  await sleep(1, other.signal)
  expect(otherRemoved).toHaveBeenCalledTimes(1)
  removed.mockRestore()
  clear.mockRestore()
})

it('keeps the process alive only if it is asked to', async () => {
  const timers = vi.spyOn(globalThis, 'setTimeout')
  const stop = new AbortController()
  const slept = [
    sleepUnlessAborted(60_000, stop.signal),
    sleepUnlessAborted(60_000, stop.signal, { ref: false }),
  ]
  const alive = timers.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef())
  timers.mockRestore()
  expect(alive).toEqual([true, false])
  stop.abort()
  await Promise.all(slept)
})

it('ends with the signal without an error', async () => {
  expect(await sleepUnlessAborted(60_000, AbortSignal.abort())).toBeUndefined()
  expect(await sleepUnlessAborted(60_000, AbortSignal.timeout(5))).toBeUndefined()
})
