import { describe, expect, it } from 'vitest'
import { lifetimeOf } from '../src/cache/cacheable.js'
import { parseHttpDate } from '../src/cache/dates.js'
import { formatCacheStatus } from '../src/cache/cache-status.js'

const rules = { defaultTtl: undefined, maxTtl: 3_600_000, credentials: ['authorization', 'cookie'] }
const request = new Request('https://shop.test/')
const freshFor = (headers: Record<string, string>, status = 200): number | undefined =>
  lifetimeOf(request, new Response(null, { status, headers }), rules)?.freshFor

const now = new Date()
const inTenMinutes = new Date(now.getTime() + 600_000)
const date = now.toUTCString()

describe('lifetimes', () => {
  it.each([
    ['max-age=60', 60_000],
    ['Max-Age="60"', 60_000],
    ['max-age=60, max-age=10', 10_000],
    ['max-age=10, max-age=60', 10_000],
    ['max-age=60, s-maxage=0', undefined],
    ['max-age=99999999999', 3_600_000],
    ['max-age=-1', undefined],
    ['max-age=1.5', 1_000],
    ['max-age=soon', undefined],
    ['max-age', undefined],
    ['public', undefined],
    ['private="x-user, x-other", max-age=60', undefined],
    ['no-cache="set-cookie", max-age=60', undefined],
    ['foo="max-age=60"', undefined],
    ['no-store, max-age=60, must-understand', 60_000],
    ['max-age=0, stale-while-revalidate=60', 1],
  ])('Cache-Control: %s', (field, expected) => {
    expect(freshFor({ 'cache-control': field })).toBe(expected)
  })

  it('uses Expires only in a format of HTTP, and less than Cache-Control', () => {
    expect(freshFor({ date, expires: inTenMinutes.toUTCString() })).toBe(600_000)
    for (const expires of ['0', '-1', 'tomorrow', inTenMinutes.toISOString()])
      expect(freshFor({ date, expires }), expires).toBeUndefined()
    const both = { date, expires: inTenMinutes.toUTCString(), 'cache-control': 'max-age=60' }
    expect(freshFor(both)).toBe(60_000)
  })

  it.each([206, 302, 500, 503])('stores no %i without a lifetime', (status) => {
    expect(freshFor({}, status)).toBeUndefined()
  })

  it.each([206, 500, 503])('stores no %i with one', (status) => {
    expect(freshFor({ 'cache-control': 'max-age=60' }, status)).toBeUndefined()
  })
})

describe('dates', () => {
  it.each([
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
  ])('reads %s', (text) => expect(parseHttpDate(text)).toBe(Date.UTC(1994, 10, 6, 8, 49, 37)))

  it.each([
    null,
    '',
    '1994-11-06',
    'Sun, 06 Nov 1994 08:49:37 PST',
    'Sun, 6 Nov 1994 08:49:37 GMT',
  ])('does not read %s', (text) => expect(parseHttpDate(text)).toBeNaN())
})

describe('Cache-Status', () => {
  it('quotes names that are no tokens', () => {
    expect(formatCacheStatus('my cache', { hit: true, ttl: -1.5 })).toBe('"my cache"; hit; ttl=-2')
  })
})
