import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { ConnectionError } from '../src/index.js'
import { RenewedHold, type RenewedHoldOptions } from '../src/util/renewed-hold.js'

const TTL = 3_000
const DAYS = 86_400_000

describe('RenewedHold', () => {
  // One clock for all tests: all holds of a process share a timer.
  beforeAll(() => void vi.useFakeTimers())
  afterAll(() => void vi.useRealTimers())

  const holds: RenewedHold[] = []
  afterEach(() => holds.splice(0).forEach((held) => held.end()))

  /** What Redis answers: a promise, or an error. */
  let answer: () => Promise<boolean>
  let events: string[]
  let start: number
  const log = (event: string) => events.push(`${Math.round(performance.now() - start)} ${event}`)

  function hold(options: Partial<RenewedHoldOptions> = {}): RenewedHold {
    events = []
    start = performance.now()
    const held = new RenewedHold({
      ttl: TTL,
      requestedAt: start,
      renew: () => (log('renew'), answer()),
      onLost: (reason) => log(reason),
      onError: () => log('error'),
      renewsExpired: false,
      ...options,
    })
    holds.push(held)
    return held
  }

  it('is renewed after each third of its ttl, until it is ended', async () => {
    answer = () => Promise.resolve(true)
    const held = hold()
    await vi.advanceTimersByTimeAsync(3 * TTL)
    expect(events.every((event) => event.endsWith(' renew'))).toBe(true)
    expect(events.length).toBeGreaterThanOrEqual(9)
    expect(events.length).toBeLessThanOrEqual(11)
    held.end()
    await vi.advanceTimersByTimeAsync(3 * TTL)
    expect(events.length).toBeLessThanOrEqual(11)
  })

  it('is lost before its ttl ends, which counts from the request of the last renewal', async () => {
    let count = 0
    // The second renewal gets its answer late, and the third none.
    answer = async () => {
      if (++count === 3) return new Promise<boolean>(() => undefined)
      if (count === 2) await new Promise((resolve) => setTimeout(resolve, 500))
      return true
    }
    hold()
    await vi.advanceTimersByTimeAsync(4 * TTL)
    const requested = events.filter((event) => event.endsWith('renew')).map((e) => parseInt(e))
    const lost = events.filter((event) => event.endsWith('expired'))
    expect(requested).toHaveLength(3)
    expect(lost).toEqual([`${requested[1]! + TTL - 100} expired`])
  })

  it('is lost at once if Redis says so', async () => {
    answer = () => Promise.resolve(false)
    hold()
    await vi.advanceTimersByTimeAsync(TTL)
    expect(events.map((event) => event.split(' ')[1])).toEqual(['renew', 'taken'])
  })

  it('is lost at once if its grant took longer than its ttl', () => {
    hold({ requestedAt: performance.now() - TTL })
    expect(events).toEqual(['0 expired'])
  })

  it('tries a renewal again soon after a failure', async () => {
    let count = 0
    answer = () => (++count < 4 ? Promise.reject(new Error('lost')) : Promise.resolve(true))
    hold()
    await vi.advanceTimersByTimeAsync(TTL)
    expect(events.filter((event) => event.endsWith('error'))).toHaveLength(3)
    expect(events.some((event) => event.endsWith('expired'))).toBe(false)
  })

  it('is left to its ttl once the client is closed', async () => {
    answer = () => Promise.reject(new ConnectionError('closed', { code: 'CLOSED' }))
    hold()
    await vi.advanceTimersByTimeAsync(2 * TTL)
    expect(events.map((event) => event.split(' ')[1])).toEqual(['renew', 'expired'])
  })

  it('ends once it is expired, or goes on', async () => {
    answer = () => Promise.reject(new Error('lost'))
    hold()
    await vi.advanceTimersByTimeAsync(2 * TTL)
    expect(events.at(-1)).toMatch(/ expired$/)
    hold({ renewsExpired: true })
    await vi.advanceTimersByTimeAsync(2 * TTL)
    expect(events.filter((event) => event.endsWith('expired'))).toHaveLength(1)
    expect(events.at(-1)).toMatch(/ error$/)
    answer = () => Promise.resolve(true)
    await vi.advanceTimersByTimeAsync(2 * TTL)
    expect(events.slice(-4).every((event) => event.endsWith(' renew'))).toBe(true)
  })

  it('can last longer than the longest timer of Node.js', async () => {
    hold({ ttl: 90 * DAYS, renew: () => (log('renew'), Promise.reject(new Error('lost'))) })
    await vi.advanceTimersByTimeAsync(29 * DAYS)
    expect(events).toEqual([])
    await vi.advanceTimersByTimeAsync(2 * DAYS)
    expect(events.map((event) => event.split(' ')[1])).toEqual(['renew', 'error'])
  })
})
